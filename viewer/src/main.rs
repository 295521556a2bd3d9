//! The `backflow-viewer` command.

fn main() -> std::process::ExitCode {
    backflow_viewer::main()
}
