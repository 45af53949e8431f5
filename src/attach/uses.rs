//! How often each common table expression of a tree is referred to: the planner puts the query of one that is used once in the
//! place of its reference, and plans any other once.

use crate::pgx::raw::{RawKind, RawNode};

/// The numbers of references, in the order in which the walk sees the expressions: those of one WITH together, those of an outer
/// one first.
pub(super) fn count(tree: RawNode<'_>) -> Vec<usize> {
    let mut counter = Counter { scope: Vec::new(), uses: Vec::new() };
    counter.visit(tree);
    counter.uses
}

struct Counter {
    /// Names in scope, innermost last, with the place of each in `uses`.
    scope: Vec<(String, usize)>,
    uses: Vec<usize>,
}

impl Counter {
    fn visit(&mut self, node: RawNode<'_>) {
        match node.kind() {
            RawKind::Select(select) => {
                let outer = self.scope.len();
                let (expressions, is_recursive) = select.with();
                let first = self.uses.len();
                self.uses.resize(first.saturating_add(expressions.len()), 0);
                let named = |position: usize, name: &str| (name.to_owned(), first.saturating_add(position));
                if is_recursive {
                    let names = expressions.iter().enumerate();
                    self.scope.extend(names.map(|(position, expression)| named(position, &expression.name)));
                }
                for (position, expression) in expressions.iter().enumerate() {
                    self.visit(expression.node);
                    if !is_recursive {
                        self.scope.push(named(position, &expression.name));
                    }
                }
                self.visit_children(select.node(), true);
                self.scope.truncate(outer);
            }
            RawKind::RangeVar(variable) if variable.schema().is_none() => {
                let name = variable.name();
                let known = self.scope.iter().rev().find(|(known, _)| *known == name);
                if let Some(uses) = known.and_then(|(_, place)| self.uses.get_mut(*place)) {
                    *uses = uses.saturating_add(1);
                }
            }
            _ => self.visit_children(node, false),
        }
    }

    fn visit_children(&mut self, node: RawNode<'_>, without_with: bool) {
        // The visitor never refuses.
        let _ = node.children(&mut |child| {
            if !(without_with && matches!(child.kind(), RawKind::With)) {
                self.visit(child);
            }
            Ok(())
        });
    }
}
