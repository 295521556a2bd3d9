//! Data sets of others: those of "Learning to simulate complex physics with graph networks".

use std::{cmp::Ordering, collections::HashMap, path::Path};

use backflow_sim::io::FileError;
use prost::Message;
use serde::Deserialize;

use super::{Trajectory, records::Records};
use crate::error::OperatorError;

/// What `metadata.json` says of a data set of Sanchez-Gonzalez et al. (2020); of other fields nothing is needed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Metadata {
    /// Lower and upper bound of each axis.
    pub bounds: Vec<[f64; 2]>,
    /// Steps of a trajectory, one less than it has positions.
    pub sequence_length: usize,
    /// Axes: 2 or 3.
    pub dim: usize,
    /// Time of a step.
    pub dt: f64,
}

/// Kind of the particles that are obstacles, which do not move.
const OBSTACLE: i64 = 3;

/// Half of the room that is made along an axis that the data do not have, over the size of the first.
const DEPTH: f64 = 0.5;

/// `tf.train.SequenceExample` of TensorFlow's `example.proto`, as far as these data use it.
#[derive(Clone, PartialEq, Message)]
struct SequenceExample {
    #[prost(message, optional, tag = "1")]
    context: Option<Features>,
    #[prost(message, optional, tag = "2")]
    feature_lists: Option<FeatureLists>,
}

#[derive(Clone, PartialEq, Message)]
struct Features {
    #[prost(map = "string, message", tag = "1")]
    feature: HashMap<String, Feature>,
}

#[derive(Clone, PartialEq, Message)]
struct FeatureLists {
    #[prost(map = "string, message", tag = "1")]
    feature_list: HashMap<String, FeatureList>,
}

#[derive(Clone, PartialEq, Message)]
struct FeatureList {
    #[prost(message, repeated, tag = "1")]
    feature: Vec<Feature>,
}

#[derive(Clone, PartialEq, Message)]
struct Feature {
    #[prost(message, optional, tag = "1")]
    bytes_list: Option<BytesList>,
}

#[derive(Clone, PartialEq, Message)]
struct BytesList {
    #[prost(bytes = "vec", repeated, tag = "1")]
    value: Vec<Vec<u8>>,
}

impl Feature {
    fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes_list
            .iter()
            .flat_map(|list| list.value.iter().map(Vec::as_slice))
    }
}

impl Metadata {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or what it says makes no sense.
    pub fn read(path: &Path) -> Result<Self, OperatorError> {
        let text = std::fs::read_to_string(path).map_err(FileError::of("read", path))?;
        let expected = "metadata of a data set: `bounds`, `sequence_length`, `dim` and `dt`";
        let wrong = |found: String| OperatorError::Parse {
            path: path.to_owned(),
            expected,
            found,
        };
        let found: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if !(2..=3).contains(&found.dim) || found.bounds.len() != found.dim {
            let bounds = found.bounds.len();
            return Err(wrong(format!("{} axes with {bounds} bounds", found.dim)));
        }
        if let Some([low, high]) = found
            .bounds
            .iter()
            .find(|[low, high]| low.partial_cmp(high) != Some(Ordering::Less))
        {
            return Err(wrong(format!("bounds from {low} to {high}")));
        }
        if !(found.dt > 0.0 && found.dt.is_finite()) {
            return Err(wrong(format!("dt = {}", found.dt)));
        }
        Ok(found)
    }

    /// The trajectories of a `.tfrecord` file, one after the other, under `gravity` (its unit of length over that of
    /// time squared), of which the data say nothing. What has two axes lies in the middle of a room with three.
    ///
    /// Of a record the context `particle_type` is 64-bit integers, and each of `position` of the feature lists
    /// is the positions of all particles at a time, 32-bit numbers with the axis fastest.
    ///
    /// # Errors
    /// The file cannot be opened; then, one by one, records that are damaged or have obstacles.
    pub fn trajectories(
        &self,
        path: &Path,
        gravity: [f64; 3],
    ) -> Result<impl Iterator<Item = Result<Trajectory, OperatorError>>, OperatorError> {
        let mut records = Records::open(path)?;
        Ok(std::iter::from_fn(move || {
            let record = records.next()?;
            Some(record.and_then(|record| {
                let found = SequenceExample::decode(record.as_slice());
                let found = found.map_err(|error| error.to_string());
                let found = found.and_then(|example| self.trajectory(&example, gravity));
                found.map_err(|found| records.fault(found))
            }))
        }))
    }

    fn trajectory(
        &self,
        example: &SequenceExample,
        gravity: [f64; 3],
    ) -> Result<Trajectory, String> {
        let kinds = example.context.as_ref();
        let kinds = kinds.and_then(|context| context.feature.get("particle_type"));
        let kinds = kinds.ok_or("no `particle_type` in its context")?;
        let kinds: Vec<i64> = kinds
            .bytes()
            .flat_map(|bytes| bytes.chunks_exact(8))
            .map(|bytes| i64::from_le_bytes(std::array::from_fn(|at| bytes[at])))
            .collect();
        let obstacles = kinds.iter().filter(|kind| **kind == OBSTACLE).count();
        if obstacles > 0 {
            return Err(format!(
                "{obstacles} particles of obstacles, which operators do not know"
            ));
        }
        let lists = example.feature_lists.as_ref();
        let positions = lists.and_then(|lists| lists.feature_list.get("position"));
        let positions = positions.ok_or("no `position` in its feature lists")?;
        let (count, dim) = (kinds.len(), self.dim);
        let mut x = Vec::new();
        for (frame, feature) in positions.feature.iter().enumerate() {
            let bytes: Vec<u8> = feature.bytes().flatten().copied().collect();
            if bytes.len() != 4 * dim * count || count == 0 {
                let bytes = bytes.len();
                return Err(format!(
                    "{bytes} bytes of positions at step {frame} for {count} particles with {dim} axes"
                ));
            }
            for place in bytes.chunks_exact(4 * dim) {
                let number = |axis: usize| {
                    f32::from_le_bytes(std::array::from_fn(|at| place[4 * axis + at]))
                };
                x.extend((0..3).map(|axis| if axis < dim { number(axis) } else { 0.0 }));
            }
        }
        let frames = self.sequence_length + 1;
        if x.len() != 3 * count * frames {
            let found = x.len() / (3 * count);
            return Err(format!(
                "positions at {found} steps where {frames} were announced"
            ));
        }
        if !x.iter().all(|x| x.is_finite()) {
            return Err("positions that are not finite".to_owned());
        }
        let depth = DEPTH * (self.bounds[0][1] - self.bounds[0][0]);
        let bound = |axis: usize| self.bounds.get(axis).copied().unwrap_or([-depth, depth]);
        Ok(Trajectory {
            count,
            x,
            frame: self.dt,
            bounds: [0, 1].map(|end| [0, 1, 2].map(|axis| bound(axis)[end])),
            gravity,
            substeps: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::records::write, *};

    const METADATA: &str = r#"{"bounds": [[0.1, 0.9], [0.2, 0.8]], "sequence_length": 3, "default_connectivity_radius": 0.015,
        "dim": 2, "dt": 0.0025, "vel_mean": [0.0, 0.0], "vel_std": [1.0, 1.0], "acc_mean": [0.0, 0.0], "acc_std": [1.0, 1.0]}"#;

    fn bytes(value: Vec<u8>) -> Feature {
        Feature {
            bytes_list: Some(BytesList { value: vec![value] }),
        }
    }

    /// Two particles that move along x, at four times.
    fn example(kinds: &[i64]) -> SequenceExample {
        let kinds = kinds.iter().flat_map(|kind| kind.to_le_bytes()).collect();
        let at = |step: u8| {
            let x = [0.5 + 0.01 * f32::from(step), 0.25, 0.6, 0.5];
            bytes(x.iter().flat_map(|x| x.to_le_bytes()).collect())
        };
        let position = FeatureList {
            feature: (0..4).map(at).collect(),
        };
        SequenceExample {
            context: Some(Features {
                feature: [("particle_type".to_owned(), bytes(kinds))].into(),
            }),
            feature_lists: Some(FeatureLists {
                feature_list: [("position".to_owned(), position)].into(),
            }),
        }
    }

    fn read(
        metadata: &str,
        examples: &[SequenceExample],
    ) -> Result<Vec<Trajectory>, OperatorError> {
        let folder = tempfile::tempdir().unwrap();
        let [about, data] =
            ["metadata.json", "train.tfrecord"].map(|name| folder.path().join(name));
        std::fs::write(&about, metadata).unwrap();
        let records: Vec<_> = examples.iter().map(Message::encode_to_vec).collect();
        std::fs::write(&data, write(&records)).unwrap();
        Metadata::read(&about)?
            .trajectories(&data, [0.0, -9.81, 0.0])?
            .collect()
    }

    #[test]
    fn trajectories_of_the_plane_lie_in_the_middle_of_a_room() {
        let found = read(METADATA, &[example(&[5, 5]), example(&[6, 6])]).unwrap();
        assert_eq!(found.len(), 2);
        let trajectory = &found[1];
        assert_eq!((trajectory.count, trajectory.frames()), (2, 4));
        assert_eq!(trajectory.position(2, 0), [0.52, 0.25, 0.0]);
        assert_eq!(trajectory.position(3, 1), [0.6, 0.5, 0.0]);
        assert_eq!(trajectory.bounds, [[0.1, 0.2, -0.4], [0.9, 0.8, 0.4]]);
        assert_eq!(trajectory.frame, 0.0025);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |metadata: &str, example: SequenceExample| {
            read(metadata, &[example]).unwrap_err().to_string()
        };
        let good = || example(&[5, 5]);
        let long = METADATA.replace("\"sequence_length\": 3", "\"sequence_length\": 4");
        assert!(error(&long, good()).contains("at 4 steps where 5 were announced"));
        let flat = METADATA.replace("\"dim\": 2", "\"dim\": 3");
        assert!(error(&flat, good()).contains("3 axes with 2 bounds"));
        let still = METADATA.replace("0.0025", "0");
        assert!(error(&still, good()).contains("dt = 0"));
        assert!(error(METADATA, example(&[5, 3])).contains("1 particles of obstacles"));
        assert!(error(METADATA, example(&[5])).contains("for 1 particles with 2 axes"));
        let empty = SequenceExample::default();
        assert!(error(METADATA, empty).contains("no `particle_type`"));
    }
}
