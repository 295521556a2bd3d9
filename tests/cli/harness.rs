//! Runs the command under test in a temporary folder and shows all of it where it fails.
#![allow(dead_code, reason = "every suite uses another part of it")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary folder that commands run in.
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    /// A new one with these files.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[track_caller]
    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[track_caller]
    pub fn text(&self, name: impl AsRef<Path>) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Names of what is in a folder, sorted; without temporary files.
    pub fn list(&self, name: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.path(name)).into_iter().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// The only run folder below `runs`, relative to this folder.
    #[track_caller]
    pub fn only_run(&self) -> String {
        let runs = self.list("runs");
        assert_eq!(runs.len(), 1, "one run folder: {runs:?}");
        format!("runs/{}", runs[0])
    }

    /// The command, ready to start in this folder.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backflow-under-test"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    line: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let arguments = command.get_args().map(OsStr::to_string_lossy);
        Self {
            line: arguments.collect::<Vec<_>>().join(" "),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It ended with this code and without a panic.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        let panicked = self.stderr.contains("panicked");
        assert!(
            self.code == Some(code) && !panicked,
            "expected exit code {code}\n{self}"
        );
        self
    }

    /// The error output has all of these.
    #[track_caller]
    pub fn complains(self, pieces: &[&str]) -> Self {
        for piece in pieces {
            assert!(
                self.stderr.contains(piece),
                "expected {piece:?} on the error output\n{self}"
            );
        }
        self
    }

    /// The JSON objects of the output, one a line and nothing else.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        let object = |line: &str| match serde_json::from_str(line) {
            Ok(value @ Value::Object(_)) => value,
            _ => panic!("no JSON object: {line:?}\n{self}"),
        };
        self.stdout.lines().map(object).collect()
    }

    /// The only JSON object of the output.
    #[track_caller]
    pub fn object(&self) -> Value {
        let mut objects = self.objects();
        assert_eq!(objects.len(), 1, "one JSON object\n{self}");
        objects.remove(0)
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "==== backflow {}\n==== exit code {:?}\n==== output\n{}\n==== error output\n{}\n====",
            self.line, self.code, self.stdout, self.stderr
        )
    }
}

/// `text` with pieces replaced, each of which must be there.
#[track_caller]
pub fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        text.replacen(from, to, 1)
    })
}

/// The least budget that a complaint about memory says would do (bytes).
#[track_caller]
pub fn least_budget(ran: &Ran) -> usize {
    let rest = ran.stderr.split("expected at least ").nth(1);
    let digits = rest.and_then(|rest| rest.split(' ').next());
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no least budget\n{ran}"))
}
