//! The command under test: the same entry point as `backflow`, built with the test-only features.

fn main() -> std::process::ExitCode {
    backflow::cli::main()
}
