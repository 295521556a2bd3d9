//! Lets the command find the library of MuJoCo where it was when this was built.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    if cfg!(all(feature = "mujoco", unix))
        && let Ok(folder) = std::env::var("MUJOCO_DYNAMIC_LINK_DIR")
    {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{folder}");
    }
}
