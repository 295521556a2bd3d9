//! Help, and arguments that are wrong.

use crate::harness::Folder;

const COMMANDS: [&str; 8] = [
    "check",
    "simulate",
    "optimize",
    "gradcheck",
    "operator",
    "bench",
    "export",
    "validate",
];

#[test]
fn help_of_every_command_shows_an_example_and_exits_with_0() {
    let folder = Folder::with(&[]);
    let general = folder.run(&["--help"]).exits(0);
    for command in COMMANDS {
        assert!(general.stdout.contains(command), "{general}");
        let help = folder.run(&[command, "--help"]).exits(0);
        let example = format!("backflow {command} ");
        assert!(help.stdout.contains("Example"), "{help}");
        assert!(help.stdout.contains(&example), "{help}");
        assert!(help.stderr.is_empty(), "{help}");
    }
    let version = folder.run(&["--version"]).exits(0);
    assert!(version.stdout.starts_with("backflow "), "{version}");
}

/// Commands that the help shows, without comments.
fn examples(help: &str) -> Vec<Vec<String>> {
    help.lines()
        .filter_map(|line| line.split_once("backflow "))
        .filter(|(before, _)| before.trim().is_empty() || before.trim() == "Example:")
        .map(|(_, example)| {
            let words = example.split('#').next().unwrap().split_whitespace();
            let mut words: Vec<_> = words.map(str::to_owned).collect();
            // Commands that need no file would run.
            if ["bench", "validate"].contains(&words[0].as_str()) {
                words.extend(["--threads".to_owned(), "0".to_owned()]);
            }
            words
        })
        .collect()
}

#[test]
fn examples_of_the_help_are_commands_with_arguments_that_exist() {
    let folder = Folder::with(&[]);
    let mut tried = 0;
    for command in COMMANDS {
        let help = folder.run(&[command, "--help"]).exits(0);
        for example in examples(&help.stdout) {
            // The files are not here, so it fails, but not of its arguments.
            let ran = folder.run(&example).exits(2);
            assert!(!ran.stderr.contains("Usage:"), "{ran}");
            tried += 1;
        }
    }
    for example in examples(&folder.run(&["--help"]).stdout) {
        let ran = folder.run(&example).exits(2);
        assert!(!ran.stderr.contains("Usage:"), "{ran}");
        tried += 1;
    }
    assert!(tried > COMMANDS.len(), "only {tried} examples");
}

#[test]
fn unknown_commands_options_and_values_exit_with_2_and_name_themselves() {
    let folder = Folder::with(&[]);
    for (arguments, names) in [
        (&["fly"][..], "fly"),
        (&["simulate", "x.ron", "--fly"], "--fly"),
        (&["check", "x.ron", "--precision", "f16"], "f16"),
        (&["check", "x.ron", "--quality", "0"], "positive number"),
        (&["check", "x.ron", "--quality", "NaN"], "positive number"),
        (&["check", "x.ron", "--memory", "lots"], "lots"),
        (&["check", "x.ron", "--threads", "-1"], "-1"),
        (&["export", "x", "--format", "gif"], "gif"),
        (&["check"], "<SCENES>"),
        (&["simulate"], "<SCENE>"),
        (&["optimize"], "<SCENE>"),
        (&["export", "x"], "--format"),
        (&[], "Usage"),
    ] {
        let ran = folder.run(arguments).exits(2).complains(&[names]);
        assert!(ran.stdout.is_empty(), "{ran}");
    }
    assert!(folder.list("").is_empty(), "nothing was written");
}

#[test]
fn no_thread_is_too_few() {
    let folder = Folder::with(&[("drop.ron", crate::scene::DROP)]);
    for command in ["simulate", "optimize", "gradcheck"] {
        folder
            .run(&[command, "drop.ron", "--threads", "0"])
            .exits(2)
            .complains(&["--threads 0", "at least 1"]);
    }
}
