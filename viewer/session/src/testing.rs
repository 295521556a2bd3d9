//! What tests share.

use std::sync::Arc;

use nalgebra::Vector3;

use crate::{
    frame::Frame,
    stage::{Poses, Stage, StageBody},
};

/// A frame of one body with `count` particles, whose speeds are 0, 1, 2 ...
pub fn frame(index: usize, count: usize) -> Arc<Frame> {
    let stage = Stage {
        name: "test".to_owned(),
        about: String::new(),
        bounds: [Vector3::zeros(), Vector3::repeat(1.0)],
        cell: 0.1,
        bodies: vec![StageBody {
            name: "body".to_owned(),
            count,
            radius: 0.05,
            liquid: true,
        }],
        solids: Vec::new(),
        start: Poses::default(),
        frames: 10,
        frame_time: 0.02,
        gas: None,
        optimizable: false,
        views: Vec::new(),
    };
    Arc::new(Frame {
        index,
        time: 0.02 * index as f64,
        x: (0..count).map(|n| [n as f32 / count as f32; 3]).collect(),
        speed: (0..count).map(|n| n as f32).collect(),
        extra: None,
        counts: vec![count],
        poses: Poses::default(),
        gas: None,
        stage: Arc::new(stage),
    })
}
