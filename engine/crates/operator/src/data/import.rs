//! Trajectories of others as a data set.

use std::path::Path;

use backflow_sim::io::FileError;

use super::{Counts, DataSet, Imported, Split, Trajectory, is_file_name, recipe::VERSION};
use crate::{error::OperatorError, text};

/// Writes `trajectories`, at most `limit`, as those of a material and a split to a folder, beside other splits that
/// were imported before; `each` is told how many there are and stops it by `false`. Returns how many there are.
///
/// # Errors
/// A trajectory that is damaged, none at all, or a folder that has this split or another material.
pub fn import(
    folder: &Path,
    material: &str,
    split: Split,
    trajectories: impl Iterator<Item = Result<Trajectory, OperatorError>>,
    limit: usize,
    each: &mut dyn FnMut(usize) -> bool,
) -> Result<usize, OperatorError> {
    let path = folder.join(DataSet::IMPORTED);
    let mut all = Imported {
        version: VERSION,
        material: material.to_owned(),
        counts: Counts {
            train: 0,
            validation: 0,
            test: 0,
        },
    };
    if path.is_file() {
        all = Imported::read(&path)?;
    }
    let found = |found: String, expected: &str| {
        Err(OperatorError::mismatch(
            folder.display().to_string(),
            found,
            expected,
        ))
    };
    if folder.join(DataSet::RECIPE).is_file() {
        return found("a recipe".to_owned(), "a folder without data of the engine");
    }
    if all.material != material {
        let other = format!("data of {:?}", all.material);
        return found(other, "a folder of its own for each material");
    }
    if all.counts.of(split) > 0 {
        let there = format!("{} trajectories to {}", all.counts.of(split), split.name());
        return found(there, "none of this part of the data");
    }
    if !is_file_name(material) {
        let expected = "a name of letters, digits, '_' and '-', since it names a folder";
        return Err(OperatorError::setting("material", material, expected));
    }
    let inner = folder.join(material);
    std::fs::create_dir_all(&inner).map_err(FileError::of("create", &inner))?;
    let mut count = 0;
    for trajectory in trajectories.take(limit) {
        trajectory?.write(&DataSet::path(folder, material, split, count))?;
        count += 1;
        if !each(count) {
            break;
        }
    }
    if count == 0 {
        return found("no trajectory".to_owned(), "at least one to import");
    }
    *match split {
        Split::Train => &mut all.counts.train,
        Split::Validation => &mut all.counts.validation,
        Split::Test => &mut all.counts.test,
    } = count;
    text::write(&all, &path, "what an import leaves")?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trajectory() -> Trajectory {
        Trajectory {
            count: 2,
            x: (0..18).map(|at| at as f32 * 0.1).collect(),
            frame: 0.01,
            bounds: [[0.0; 3], [2.0; 3]],
            gravity: [0.0, -9.81, 0.0],
            substeps: 0,
        }
    }

    #[test]
    fn splits_are_imported_one_after_the_other_and_read_as_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let add = |material: &str, split, count| {
            let all = (0..count).map(|_| Ok(trajectory()));
            import(folder.path(), material, split, all, 3, &mut |_| true)
        };
        assert_eq!(add("water", Split::Train, 7).unwrap(), 3);
        assert_eq!(add("water", Split::Test, 1).unwrap(), 1);
        let data = DataSet::open(folder.path()).unwrap();
        assert_eq!(data.material(None).unwrap(), "water");
        let read = |split| data.read("water", split).unwrap();
        assert_eq!(
            read(Split::Train),
            [trajectory(), trajectory(), trajectory()]
        );
        assert_eq!(read(Split::Validation), []);
        assert_eq!(read(Split::Test), [trajectory()]);
        let error = data.recipe().unwrap_err().to_string();
        assert!(
            error.contains("one that the engine has generated"),
            "{error}"
        );
        for (material, split, count, part) in [
            ("water", Split::Test, 1, "1 trajectories to test"),
            ("sand", Split::Validation, 1, "data of \"water\""),
            ("water", Split::Validation, 0, "no trajectory"),
        ] {
            let error = add(material, split, count).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let path = folder.path().join(DataSet::IMPORTED);
        let newer = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, newer.replace("version: 1", "version: 2")).unwrap();
        let error = DataSet::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("version = 2: expected 1"), "{error}");
    }
}
