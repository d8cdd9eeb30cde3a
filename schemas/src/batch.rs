//! Many messages under one signature: a Merkle tree over them whose root is signed. Each message carries its path to the
//! root, so it verifies alone.

use crate::{
    Hash, SchemaError, codec,
    limits::{BATCH_MAX, PATH_STEPS_MAX},
};
use serde::{Deserialize, Serialize};

/// Bytes of one step: on which side the neighbour is, then its hash.
const STEP_BYTES: usize = 1 + Hash::LEN;
const NEIGHBOUR_LEFT: u8 = 0;
const NEIGHBOUR_RIGHT: u8 = 1;

/// The way from a message to the signed root: from the bottom up, `side ‖ hash` of each neighbour on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

impl Path {
    /// Encoded length, bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The root this path leads to from `leaf`.
    pub fn root(&self, leaf: Hash) -> Result<Hash, SchemaError> {
        let steps = self.bytes.chunks(STEP_BYTES);
        if !(1..=PATH_STEPS_MAX).contains(&steps.len()) {
            return Err(self.wrong("it must have 1 to 16 steps"));
        }
        steps.into_iter().try_fold(leaf, |below, step| match step.split_first() {
            Some((&NEIGHBOUR_LEFT, hash)) if hash.len() == Hash::LEN => Ok(node(hash, &below.0)),
            Some((&NEIGHBOUR_RIGHT, hash)) if hash.len() == Hash::LEN => Ok(node(&below.0, hash)),
            _ => Err(self.wrong("a step is 0 or 1 and 32 bytes")),
        })
    }

    fn wrong(&self, rule: &'static str) -> SchemaError {
        SchemaError::invalid("path", hex::encode(&self.bytes), rule)
    }
}

/// The lowest level of the tree: a message exactly as it would be signed alone.
pub(crate) fn leaf(message: &[u8]) -> Hash {
    codec::hash(codec::CONTEXT_BATCH_LEAF, &[message])
}

fn node(left: &[u8], right: &[u8]) -> Hash {
    codec::hash(codec::CONTEXT_BATCH_NODE, &[left, right])
}

/// The root over `leaves` (at least two) and each one's path to it. A node without a neighbour moves up as it is.
pub(crate) fn tree(leaves: Vec<Hash>) -> Result<(Hash, Vec<Path>), SchemaError> {
    if !(2..=BATCH_MAX).contains(&leaves.len()) {
        let rule = "2 to 65,536 messages share a signature";
        return Err(SchemaError::invalid("batch", leaves.len().to_string(), rule));
    }
    let mut paths = vec![Path { bytes: Vec::new() }; leaves.len()];
    let (mut level, mut height) = (leaves, 0);
    while level.len() > 1 {
        for (number, path) in paths.iter_mut().enumerate() {
            let place = number >> height;
            if let Some(neighbour) = level.get(place ^ 1) {
                path.bytes.push(if place % 2 == 1 { NEIGHBOUR_LEFT } else { NEIGHBOUR_RIGHT });
                path.bytes.extend_from_slice(&neighbour.0);
            }
        }
        level = level.chunks(2).map(|pair| if let [l, r] = pair { node(&l.0, &r.0) } else { pair[0] }).collect();
        height += 1;
    }
    Ok((level[0], paths))
}
