//! Where each field of an object stands, kept after the tree is gone.

use std::path::PathBuf;
use std::sync::Arc;

use outrigger_base::Position;

use super::path::{Step, steps};
use super::tree::{Mark, Node, Value};

/// Where each field of an object was written.
#[derive(Debug, Clone)]
pub struct Positions {
    file: Arc<PathBuf>,
    root: Place,
}

#[derive(Debug, Clone)]
struct Place {
    mark: Mark,
    children: Children,
}

#[derive(Debug, Clone)]
enum Children {
    None,
    Map(Box<[(Arc<str>, Place)]>),
    List(Box<[Place]>),
}

impl Positions {
    pub(crate) fn new(file: Arc<PathBuf>, root: &Node) -> Positions {
        Positions { file, root: Place::new(root.mark, root) }
    }

    /// Where a field was written, or the nearest thing around it that was. `""` is the object.
    pub fn locate(&self, field: &str) -> Option<Position> {
        let mut place = &self.root;
        for step in steps(field) {
            let inner = match (&place.children, step) {
                (Children::Map(entries), Step::Key(key)) => {
                    entries.iter().find(|(name, _)| **name == *key).map(|(_, place)| place)
                }
                (Children::List(items), Step::Index(index)) => items.get(index),
                _ => None,
            };
            match inner {
                Some(inner) => place = inner,
                None => break,
            }
        }
        Some(place.mark.in_file(&self.file))
    }

    /// The file.
    pub fn file(&self) -> &Arc<PathBuf> {
        &self.file
    }
}

impl Place {
    /// A field stands where its key stands.
    fn new(mark: Mark, node: &Node) -> Place {
        let children = match &node.value {
            Value::Map(entries) => {
                Children::Map(entries.iter().map(|e| (e.key.clone(), Place::new(e.mark, &e.node))).collect())
            }
            Value::List(items) => {
                Children::List(items.iter().map(|item| Place::new(item.mark, item)).collect())
            }
            _ => Children::None,
        };
        Place { mark, children }
    }
}
