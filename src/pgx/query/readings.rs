//! Constants that analysis has read of the texts of a statement, by whether another moment would have read them otherwise.
//!
//! `'today'` becomes the date of the day on which the statement is analysed. Input functions say that their values hang on more than
//! the text by not being immutable. Of those that are not, three kinds are known here: intervals and enums, which hang on settings and
//! on the catalog alone, and dates and times, which hang on the moment for four words alone, wherever in an array or range they stand.
//! An array or range of a domain is taken to hang on the moment, since a CHECK of the domain may.
//! Source: the tables and functions of datetime.c, 15 to 19.

use super::{QueryNode, QueryView};
use crate::pgx::node::TreeNode;
use crate::pgx::raw::TextConstant;
use crate::pgx::types;
use pgrx::pg_sys;

/// The words that hang on the moment.
const OF_THE_MOMENT: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

impl QueryView<'_> {
    /// Whether each constant below is what it would be at any other moment, under the same settings and with the same catalog.
    /// `texts` are the literals in quotes that the statement was made of. What is not known to be so is not.
    pub fn is_lasting(self, texts: &[TextConstant]) -> bool {
        !self.any_child(false, &mut |node| is_of_the_moment(node, texts))
    }
}

fn is_of_the_moment(node: QueryNode<'_>, texts: &[TextConstant]) -> bool {
    use pg_sys::NodeTag as T;
    let mut below = |child: QueryNode<'_>| is_of_the_moment(child, texts);
    match node.tag() {
        // Their contents come as children of their query, or they hold no expression.
        T::T_RangeTblEntry | T::T_SortGroupClause => false,
        T::T_Const => constant_is_of_the_moment(node, texts),
        _ => match QueryView::of(node) {
            Some(query) => query.any_child(false, &mut below),
            None => node.any_child(&mut below),
        },
    }
}

fn constant_is_of_the_moment(node: QueryNode<'_>, texts: &[TextConstant]) -> bool {
    let Some(constant) = node.downcast::<pg_sys::Const>().filter(|constant| !constant.constisnull) else {
        return false;
    };
    // The CHECK of a domain may hang on anything. That of a value by itself runs in a conversion, at each call; those of values within
    // arrays and ranges have run when the text was read.
    if types::holds_domain(constant.consttype) {
        return true;
    }
    let type_oid = types::innermost_type(constant.consttype);
    if matches!(type_oid, pg_sys::DATEOID | pg_sys::TIMEOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID) {
        // One that is none of the texts was made of something that is not known here.
        let mut read = texts.iter().filter(|text| text.place == constant.location).peekable();
        return constant.location < 0 || read.peek().is_none() || read.any(|text| spells_a_moment(&text.value));
    }
    let is_fixed = type_oid == pg_sys::INTERVALOID
        || types::is_enum(type_oid)
        || type_oid.to_u32() < pg_sys::FirstNormalObjectId && types::is_read_from_text_alone(type_oid);
    !is_fixed
}

/// Whether a text may hold one of the words, as far as its letters alone tell: what reads arrays, ranges and rows takes quotes,
/// backslashes and blanks away, and adds nothing.
fn spells_a_moment(text: &str) -> bool {
    let letters: String =
        text.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect();
    OF_THE_MOMENT.iter().any(|word| letters.contains(word))
}
