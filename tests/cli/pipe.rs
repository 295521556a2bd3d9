//! Readers that go away are no reason to panic.

use std::process::Stdio;

use crate::{harness::Folder, scene::DROP};

const COMMANDS: [&[&str]; 7] = [
    &["--help"],
    &["fly"],
    &["check", "drop.ron"],
    &["check", "none.ron"],
    &["simulate", "drop.ron", "--frames", "0"],
    &["simulate", "drop.ron", "--frames", "0", "--json"],
    &[
        "gradcheck",
        "drop.ron",
        "--substeps",
        "4",
        "--only",
        "gravity",
    ],
];

/// Exit code of a command whose output and error output are closed where told so, and
/// what it said on the one that is not.
fn closed(arguments: &[&str], output: bool, error: bool) -> (Option<i32>, String) {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    let mut child = folder.command(arguments).spawn().unwrap();
    if output {
        drop(child.stdout.take());
    }
    if error {
        drop(child.stderr.take());
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn closed_outputs_change_no_exit_code_and_cause_no_panic() {
    for arguments in COMMANDS {
        let (expected, _) = closed(arguments, false, false);
        assert!(matches!(expected, Some(0 | 2)), "{arguments:?}");
        for (output, error) in [(true, false), (false, true), (true, true)] {
            let (code, said) = closed(arguments, output, error);
            assert_eq!(code, expected, "{arguments:?}: {said}");
            assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn full_device_as_output_causes_no_panic() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return; // Not every system has one.
    };
    let folder = Folder::with(&[("drop.ron", DROP)]);
    let optimize = ["optimize", "drop.ron", "--iterations", "2"];
    for arguments in COMMANDS.into_iter().chain([&optimize[..]]) {
        let to = |file: &std::fs::File| Stdio::from(file.try_clone().unwrap());
        let mut command = folder.command(arguments);
        let status = command.stdout(to(&full)).stderr(to(&full)).status();
        let code = status.unwrap().code();
        assert!(matches!(code, Some(0..=2)), "{arguments:?}: {code:?}");
    }
}
