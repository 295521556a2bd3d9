//! A virtual screen (Xvfb), a window on it, and hands that move mouse and keys (xdotool).

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::sleep,
    time::Duration,
};

/// A virtual screen with the viewer on it; both end with this.
pub struct Screen {
    _alone: MutexGuard<'static, ()>,
    server: Child,
    viewer: Child,
    display: String,
    /// Where the viewer writes what it is at.
    status: PathBuf,
    /// Where the server keeps the pixels of the screen.
    pixels: PathBuf,
}

/// Time between two looks at the status.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks at the status until something must have come: ten minutes, for a software GPU and an
/// optimisation on a machine with other work.
const PATIENCE: usize = 60_000;

/// Held by the screen that is open: two of them would draw with the processor that the other needs.
static OPEN: Mutex<()> = Mutex::new(());

impl Screen {
    /// Starts the viewer with these arguments in a window of a size, which fills the screen.
    pub fn open(folder: &Path, size: &str, arguments: &[&str]) -> Self {
        let alone = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
            .arg(format!("{size}x24"))
            .arg("-fbdir")
            .arg(folder)
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
            .args(["--size", size, "--rough", "--status"])
            .arg(&status)
            .args(arguments)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env("DISPLAY", &display)
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .env("XDG_PICTURES_DIR", folder)
            .stderr(File::create(folder.join("stderr.txt")).unwrap())
            .spawn()
            .unwrap();
        let mut screen = Self {
            _alone: alone,
            server,
            viewer,
            display,
            status,
            pixels: folder.join("Xvfb_screen0"),
        };
        screen.until("the first picture", |status| {
            status["pictures"].as_u64() > Some(3)
        });
        screen.xdotool(&["search", "--sync", "--name", "^Backflow", "windowfocus"]);
        screen
    }

    /// Moves mouse or keys, without waiting for an answer.
    pub fn xdotool(&self, arguments: &[&str]) {
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

    /// Where a widget is, by the name that the status gives it, once it stays there: a panel that
    /// has just been opened takes some pictures to find its layout.
    pub fn widget(&mut self, name: &str) -> [f64; 2] {
        let mut before = None;
        loop {
            let status = self.until(name, |status| !status["widgets"][name].is_null());
            let place = [0, 1_usize].map(|axis| status["widgets"][name][axis].as_f64().unwrap());
            if before == Some(place) {
                return place;
            }
            before = Some(place);
            self.pictures(3);
        }
    }

    /// Clicks a widget.
    pub fn click(&mut self, widget: &str) {
        let at = self.widget(widget);
        self.point(at);
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

    /// Red, green and blue of a pixel of the screen, as the server has it at this instant: the
    /// file has the format of `xwd`, a head of big-endian words, then a table of colours, then rows.
    pub fn pixel(&self, [x, y]: [u64; 2]) -> [u8; 3] {
        let mut file = File::open(&self.pixels).unwrap();
        let mut head = [0; 80];
        file.read_exact(&mut head).unwrap();
        let word = |index: usize| {
            let bytes = std::array::from_fn(|byte| head[4 * index + byte]);
            u64::from(u32::from_be_bytes(bytes))
        };
        let (size, bits, row, colours) = (word(0), word(11), word(12), word(19));
        assert_eq!(
            (bits, word(7)),
            (32, 0),
            "32 bits a pixel, lowest byte first"
        );
        let at = size + 12 * colours + y * row + 4 * x;
        file.seek(SeekFrom::Start(at)).unwrap();
        let mut pixel = [0; 4];
        file.read_exact(&mut pixel).unwrap();
        [pixel[2], pixel[1], pixel[0]]
    }

    /// Memory that the viewer has in use (bytes), as Linux counts it.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.viewer.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().unwrap() * 1024
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
