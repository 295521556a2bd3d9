//! A virtual screen (Xvfb), a window on it, and hands that move mouse and keys (xdotool).

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// A virtual screen with the viewer on it; both end with this.
pub struct Screen {
    server: Child,
    viewer: Child,
    display: String,
    /// Where the viewer writes what it is at.
    status: PathBuf,
}

/// Time between two looks at the status.
const PAUSE: Duration = Duration::from_millis(30);

/// Looks at the status until something must have come: minutes, for a software GPU on a machine
/// with other work.
const PATIENCE: usize = 4000;

impl Screen {
    /// Starts the viewer with these arguments.
    pub fn open(folder: &Path, arguments: &[&str]) -> Self {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "800x520x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts; `bash tests/run.sh --prepare` installs it");
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let display = format!(":{}", line.trim());
        let status = folder.join("status.json");
        let viewer = Command::new(env!("CARGO_BIN_EXE_backflow-viewer"))
            .args(["--size", "800x520", "--rough", "--status"])
            .arg(&status)
            .args(arguments)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env("DISPLAY", &display)
            .env_remove("WAYLAND_DISPLAY")
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .stderr(File::create(folder.join("stderr.txt")).unwrap())
            .spawn()
            .unwrap();
        let mut screen = Self {
            server,
            viewer,
            display,
            status,
        };
        screen.until("the first picture", |status| {
            status["pictures"].as_u64() > Some(3)
        });
        screen.xdotool(&["search", "--sync", "--name", "^Backflow", "windowfocus"]);
        screen
    }

    fn xdotool(&self, arguments: &[&str]) {
        let status = Command::new("xdotool")
            .args(arguments)
            .env("DISPLAY", &self.display)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("xdotool runs; `bash tests/run.sh --prepare` installs it");
        assert!(status.success(), "xdotool {arguments:?}");
    }

    /// What the viewer is at.
    pub fn status(&self) -> serde_json::Value {
        // A status that is being replaced reads as it was or as it will be.
        let text = std::fs::read_to_string(&self.status).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Waits until something holds of the status.
    pub fn until(
        &mut self,
        what: &str,
        holds: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        for _ in 0..PATIENCE {
            let status = self.status();
            if holds(&status) {
                return status;
            }
            if let Some(code) = self.viewer.try_wait().unwrap() {
                panic!("the viewer ended with {code} before {what}");
            }
            sleep(PAUSE);
        }
        panic!("{what} never came: {}", self.status());
    }

    /// Waits for some pictures more.
    pub fn pictures(&mut self, count: u64) {
        let now = self.status()["pictures"].as_u64().unwrap_or(0);
        self.until("more pictures", |status| {
            status["pictures"].as_u64() >= Some(now + count)
        });
    }

    /// Moves the mouse.
    pub fn point(&mut self, [x, y]: [f64; 2]) {
        let [x, y] = [x, y].map(|at| format!("{}", at.round()));
        self.xdotool(&["mousemove", &x, &y]);
        self.pictures(2);
    }

    /// Presses or releases a button of the mouse.
    pub fn button(&mut self, down: bool, number: u8) {
        let action = if down { "mousedown" } else { "mouseup" };
        self.xdotool(&[action, &number.to_string()]);
        self.pictures(2);
    }

    /// Clicks a widget by the name that the status gives it.
    pub fn click(&mut self, widget: &str) {
        let status = self.until(widget, |status| !status["widgets"][widget].is_null());
        let at = |axis: usize| status["widgets"][widget][axis].as_f64().unwrap();
        self.point([at(0), at(1)]);
        self.button(true, 1);
        self.button(false, 1);
    }

    /// Presses a key.
    pub fn key(&mut self, name: &str) {
        self.xdotool(&["keydown", name]);
        self.pictures(2);
        self.xdotool(&["keyup", name]);
        self.pictures(1);
    }

    /// Presses a key while another is held.
    pub fn chord(&mut self, held: &str, name: &str) {
        self.xdotool(&["keydown", held]);
        self.pictures(1);
        self.key(name);
        self.xdotool(&["keyup", held]);
        self.pictures(1);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        for child in [&mut self.viewer, &mut self.server] {
            // One that has ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
