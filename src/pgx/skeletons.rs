//! The raw trees of our own skeletons, which a backend parses once.
//!
//! A skeleton is made of the names and conditions of the relations that a statement names, so that the same few come again at each
//! call. What is kept is what PostgreSQL's grammar makes of a text, whatever the catalog holds: names are looked up, and rights and
//! fences proved, in the copy that each call gets.

use super::node::TreeNode;
use super::own_tree::OwnTree;
use super::raw::{RawNode, RawTree};
use super::section::confine::Confinement;
use super::section::stage::{self, Stage};
use crate::error::{Refusal, StageResult};
use pgrx::pg_sys;
use std::cell::RefCell;

/// As many as are kept; the one that was wanted longest ago goes first.
const MOST: usize = 32;
/// A longer text is parsed each time, in bytes.
const LONGEST: usize = 16 * 1_024;

thread_local! {
    /// The last to be wanted is the last.
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

struct Kept {
    skeleton: String,
    tree: OwnTree,
}

/// How many are kept.
#[cfg(feature = "pg_test")]
pub(crate) fn count() -> usize {
    KEPT.with_borrow(Vec::len)
}

/// The tree of a skeleton, which `parse` gives if it is not kept.
pub(crate) fn parsed<'c>(
    _confinement: &'c Confinement<'c>,
    skeleton: &str,
    parse: impl FnOnce(&str) -> StageResult<RawTree<'c>>,
) -> StageResult<RawTree<'c>> {
    if let Some(copy) = copied(skeleton) {
        stage::set(Stage::Parsing);
        // SAFETY: a copy of a raw tree, made in the section's memory.
        let copy = unsafe { RawNode::from_pointer(copy) };
        return copy.map(RawTree::new).ok_or_else(|| Refusal::proof("a skeleton could not be copied"));
    }
    let tree = parse(skeleton)?;
    if skeleton.len() <= LONGEST {
        keep(skeleton, tree.root());
    }
    Ok(tree)
}

fn copied(skeleton: &str) -> Option<*mut pg_sys::Node> {
    KEPT.with_borrow_mut(|kept| {
        let place = kept.iter().rposition(|kept| kept.skeleton == skeleton)?;
        if let Some(after) = kept.get_mut(place..) {
            after.rotate_left(1);
        }
        kept.last().map(|kept| kept.tree.copy())
    })
}

fn keep(skeleton: &str, root: RawNode<'_>) {
    // SAFETY: a tree that PostgreSQL's grammar has just made, inside the section.
    let Some(tree) = (unsafe { OwnTree::of(c"splitplane skeleton", root.as_pointer()) }) else { return };
    KEPT.with_borrow_mut(|all| {
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(Kept { skeleton: skeleton.to_owned(), tree });
    });
}
