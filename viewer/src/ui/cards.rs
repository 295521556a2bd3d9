//! The pictures of the gallery, as they come in.

use backflow_viewer_panels::gallery::Card;
use bevy::prelude::*;
use bevy_egui::{EguiTextureHandle, EguiUserTextures};

use crate::desk::{Desk, Pictures};

/// Cards of the gallery, and the images they show.
#[derive(Resource, Default)]
pub struct Cards(pub Vec<Card>);

/// Takes pictures that have been made.
pub fn pictures(
    mut desk: ResMut<Desk>,
    mut cards: ResMut<Cards>,
    mut images: ResMut<Assets<Image>>,
    mut textures: ResMut<EguiUserTextures>,
) {
    if cards.0.len() != desk.entries.len() {
        cards.0 = desk
            .entries
            .iter()
            .map(|entry| Card {
                title: entry.title.clone(),
                about: entry.about.clone(),
                kind: entry.kind.clone(),
                picture: None,
            })
            .collect();
    }
    let mut done = false;
    if let Some(Pictures(receiver)) = &desk.pictures {
        let receiver = receiver
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            match receiver.try_recv() {
                Ok(made) => {
                    let rgba = made
                        .rgb
                        .chunks_exact(3)
                        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])
                        .collect();
                    let image = images.add(crate::capture::picture(made.size, rgba));
                    let texture = textures.add_image(EguiTextureHandle::Strong(image));
                    if let Some(card) = cards.0.get_mut(made.index) {
                        card.picture = Some(texture);
                    }
                }
                Err(error) => {
                    done = error == std::sync::mpsc::TryRecvError::Disconnected;
                    break;
                }
            }
        }
    }
    if done {
        desk.pictures = None;
    }
}
