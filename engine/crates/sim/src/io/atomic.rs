//! Files that appear whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// Why a file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// Makes an error of `action` on `path` out of the system's.
    pub fn of(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self {
            action,
            path,
            source,
        }
    }
}

/// Writes a file through `fill`: into a temporary file in the same folder, which is
/// brought to the disk and then takes the name `path`.
///
/// Whoever reads `path` sees the old content or the new, whatever instant the process
/// is killed at. On an error the old content stays and the temporary file is removed.
pub fn write_atomic(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), FileError> {
    let temporary = temporary_name(path)?;
    let result = fill_and_rename(path, &temporary, fill);
    if result.is_err() {
        // The first error is the one to report; this one could only repeat it.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn fill_and_rename(
    path: &Path,
    temporary: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), FileError> {
    // One that is there already is a leftover of a killed process of the same number.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(temporary)
        .map_err(FileError::of("create", temporary))?;
    let mut writer = BufWriter::new(file);
    fill(&mut writer)
        .and_then(|()| writer.flush())
        .and_then(|()| writer.get_ref().sync_all())
        .map_err(FileError::of("write", path))?;
    drop(writer);
    fs::rename(temporary, path).map_err(FileError::of("rename to", path))?;
    sync_folder(path)
}

/// A name beside `path` that no other write has: `.<name>.<process>-<count>.partial`.
fn temporary_name(path: &Path) -> Result<PathBuf, FileError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it names no file");
        return Err(FileError::of("write", path)(source));
    };
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = name.to_string_lossy();
    let hidden = format!(".{name}.{}-{count}.partial", process::id());
    Ok(path.with_file_name(hidden))
}

/// Brings the new name to the disk as well.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(FileError::of("sync the folder of", path))
}

/// Other systems keep folders in order by themselves.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<(), FileError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        for text in ["first", "second, longer", "3"] {
            write_atomic(&path, |file| file.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn failure_keeps_the_old_content_and_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "old").unwrap();
        let error = write_atomic(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::other("disk full"))
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot write {}: disk full", path.display())
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none").join("a.txt");
        let error = write_atomic(&path, |_| Ok(())).unwrap_err();
        assert_eq!(error.action, "create");
        assert!(write_atomic(Path::new("/"), |_| Ok(())).is_err());
    }
}
