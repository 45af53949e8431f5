//! How often each common table expression of a tree is referred to, and by which others of its WITH: the planner puts the query of
//! one that is used once in the place of its reference, and plans any other once.

use crate::pgx::raw::{RawExpression, RawKind, RawNode};
use std::collections::{BTreeSet, HashMap};

/// What refers to the common table expressions of a tree.
pub(super) struct Uses {
    /// By the address of the expression.
    known: HashMap<usize, Use>,
}

#[derive(Default)]
struct Use {
    references: usize,
    /// The places, in the same WITH, of the other expressions that it refers to.
    needs: BTreeSet<usize>,
}

impl Uses {
    /// Counts the references in a whole tree.
    pub(super) fn count(tree: RawNode<'_>) -> Self {
        let mut counter = Counter { scope: Vec::new(), open: Vec::new(), known: HashMap::new() };
        counter.visit(tree);
        Uses { known: counter.known }
    }

    /// How often an expression is referred to.
    pub(super) fn of(&self, expression: &RawExpression<'_>) -> usize {
        self.known.get(&expression.node.address()).map_or(0, |known| known.references)
    }

    /// The places of the expressions of a recursive WITH in the order in which PostgreSQL analyses them: each after those that it
    /// refers to, and as written as far as that goes. Those that need one another, which PostgreSQL refuses, come last.
    pub(super) fn order(&self, expressions: &[RawExpression<'_>]) -> Vec<usize> {
        let mut left: Vec<usize> = (0..expressions.len()).collect();
        let mut order = Vec::with_capacity(left.len());
        let needs = |place: usize| {
            let known = expressions.get(place).and_then(|expression| self.known.get(&expression.node.address()));
            known.into_iter().flat_map(|known| &known.needs)
        };
        let mut taken = BTreeSet::new();
        while !left.is_empty() {
            let ready = left.iter().position(|place| needs(*place).all(|needed| taken.contains(needed)));
            let next = left.remove(ready.unwrap_or(0));
            taken.insert(next);
            order.push(next);
        }
        order
    }
}

/// A name that a WITH gives.
struct Named {
    name: String,
    /// The address of the expression.
    expression: usize,
    /// The address of the query with the WITH, and the expression's place there.
    clause: usize,
    place: usize,
}

struct Counter {
    /// Names in scope, innermost last.
    scope: Vec<Named>,
    /// The expressions within which the walk is, the outermost first, each with its WITH.
    open: Vec<(usize, usize)>,
    known: HashMap<usize, Use>,
}

impl Counter {
    fn visit(&mut self, node: RawNode<'_>) {
        match node.kind() {
            RawKind::Select(select) => {
                let (outer, clause) = (self.scope.len(), node.address());
                let (expressions, is_recursive) = select.with();
                let mut named = expressions.iter().enumerate().map(|(place, expression)| {
                    let (name, address) = (expression.name.clone(), expression.node.address());
                    Named { name, expression: address, clause, place }
                });
                if is_recursive {
                    self.scope.extend(named.by_ref());
                }
                for expression in &expressions {
                    self.open.push((expression.node.address(), clause));
                    self.visit(expression.node);
                    self.open.pop();
                    self.scope.extend(named.next());
                }
                self.visit_children(select.node(), true);
                self.scope.truncate(outer);
            }
            RawKind::RangeVar(variable) if variable.schema().is_none() => self.refer(&variable.name()),
            _ => self.visit_children(node, false),
        }
    }

    fn refer(&mut self, name: &str) {
        let Some(referred) = self.scope.iter().rev().find(|named| named.name == name) else { return };
        let known = self.known.entry(referred.expression).or_default();
        known.references = known.references.saturating_add(1);
        for (expression, clause) in &self.open {
            if *clause == referred.clause && *expression != referred.expression {
                self.known.entry(*expression).or_default().needs.insert(referred.place);
            }
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
