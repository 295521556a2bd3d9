//! Records of a file of TensorFlow's.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use backflow_sim::io::FileError;

use crate::error::OperatorError;

/// Records of a `.tfrecord` file, one after the other: of each its length (8 bytes), the checksum of that (4), the
/// data and their checksum (4), numbers in little endian. Checksums are CRC-32C, turned by 15 bits and added to
/// `0xa282ead8` (TensorFlow, "TFRecord and tf.train.Example").
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    file: BufReader<File>,
    /// How many were read.
    count: usize,
    /// How long the file is, which no record exceeds.
    size: u64,
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

impl Records {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Self, OperatorError> {
        let file = File::open(path).map_err(FileError::of("read", path))?;
        let about = file.metadata().map_err(FileError::of("read", path))?;
        Ok(Self {
            size: about.len(),
            path: path.to_owned(),
            file: BufReader::new(file),
            count: 0,
        })
    }

    /// What is wrong with the record that is being read.
    pub(super) fn fault(&self, found: impl ToString) -> OperatorError {
        OperatorError::mismatch(
            format!("record {} of {}", self.count, self.path.display()),
            found,
            "a tf.train.SequenceExample in a TFRecord file",
        )
    }

    /// Fills `bytes`; `false` if the file ends before the first.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, OperatorError> {
        let mut done = 0;
        while done < bytes.len() {
            match self.file.read(&mut bytes[done..]) {
                Ok(0) if done == 0 => return Ok(false),
                Ok(0) => return Err(self.fault("an end in its middle")),
                Ok(more) => done += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::of("read", &self.path)(error).into()),
            }
        }
        Ok(true)
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, OperatorError> {
        let mut head = [0; 12];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let (length, check) = head.split_at(8);
        if masked(length).to_le_bytes() != check {
            return Err(self.fault("a length whose checksum is wrong"));
        }
        let length = u64::from_le_bytes(std::array::from_fn(|at| length[at]));
        let Some(length) = usize::try_from(length).ok().filter(|_| length <= self.size) else {
            return Err(self.fault(format!("a length of {length} bytes")));
        };
        let (mut data, mut check) = (vec![0; length], [0; 4]);
        if (length > 0 && !self.fill(&mut data)?) || !self.fill(&mut check)? {
            return Err(self.fault("an end in its middle"));
        }
        if masked(&data).to_le_bytes() != check {
            return Err(self.fault("data whose checksum is wrong"));
        }
        Ok(Some(data))
    }
}

impl Iterator for Records {
    type Item = Result<Vec<u8>, OperatorError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.read().transpose()?;
        self.count += 1;
        Some(found)
    }
}

/// The bytes of a file with such records.
#[cfg(test)]
pub(super) fn write(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        let length = (record.len() as u64).to_le_bytes();
        bytes.extend(length);
        bytes.extend(masked(&length).to_le_bytes());
        bytes.extend(record);
        bytes.extend(masked(record).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tfrecord");
        let records = vec![b"first".to_vec(), Vec::new(), vec![7; 300]];
        let bytes = write(&records);
        let read = |bytes: &[u8]| -> Result<Vec<_>, _> {
            std::fs::write(&path, bytes).unwrap();
            Records::open(&path).unwrap().collect()
        };
        assert_eq!(read(&bytes).unwrap(), records);
        let error = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        let cut = error(&bytes[..bytes.len() - 3]);
        assert!(
            cut.contains("record 2 of") && cut.contains("an end in its middle"),
            "{cut}"
        );
        let turned = |at: usize| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            error(&bytes)
        };
        assert!(turned(0).contains("a length whose checksum is wrong"));
        assert!(turned(13).contains("data whose checksum is wrong"));
        assert!(Records::open(&folder.path().join("none")).is_err());
    }

    #[test]
    fn checksums_are_those_of_the_format() {
        // Of eight zeros and of nothing, by the polynomial bit by bit.
        let bytes = write(&[Vec::new()]);
        assert_eq!(&bytes[8..12], &[0x29, 0x03, 0x98, 0x07]);
        assert_eq!(&bytes[12..16], &[0xd8, 0xea, 0x82, 0xa2]);
    }
}
