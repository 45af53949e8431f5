//! Which nodes the tasks of Citus's part of a plan are placed on, read from the plan as PostgreSQL writes any node tree as text.
//!
//! Citus gives its own nodes their text form (`nodeOut` of an extensible node), so that no structure of its memory has to be
//! known here. A label is `:name`, a blank and a value; in values PostgreSQL puts a backslash before blanks and brackets, so that no
//! text of a statement runs over several words. A form that is not the expected one says nothing.

/// The labels around a node's name, in the order of Citus's `ShardPlacement`.
const PLACEMENT: [&str; 4] = [":groupId", ":nodeName", ":nodePort", ":nodeId"];
/// Begins the list of a task's placements.
const TASK: &str = ":taskPlacementList";
/// Ends it.
const AFTER: &str = ":dependentTaskList";

/// The nodes of all tasks as `host:port`, each once and sorted. `None` where a task can run on several, or is placed nowhere yet: which
/// of them it will be is then decided when it runs.
#[must_use]
pub fn nodes(plan: &str) -> Option<Vec<String>> {
    let words = words(plan);
    let mut found = Vec::new();
    let mut tasks = words.iter().enumerate().filter(|(_, word)| **word == TASK).peekable();
    tasks.peek()?;
    for (at, _) in tasks {
        let rest = words.get(at..)?;
        let end = rest.iter().position(|word| *word == AFTER)?;
        let mut placements = rest.get(..end)?.windows(8).filter_map(placement);
        let (Some(node), None) = (placements.next(), placements.next()) else { return None };
        found.push(node);
    }
    found.sort();
    found.dedup();
    Some(found)
}

/// At blanks without a backslash before them.
fn words(plan: &str) -> Vec<&str> {
    let mut is_escaped = false;
    let is_between = move |letter: char| {
        let is_blank = letter.is_ascii_whitespace() && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_blank
    };
    plan.split(is_between).filter(|word| !word.is_empty()).collect()
}

/// `:groupId 1 :nodeName host :nodePort 5432 :nodeId 2`.
fn placement(words: &[&str]) -> Option<String> {
    let [group, number, name, host, port_label, port, id_label, id] = words else { return None };
    if [*group, *name, *port_label, *id_label] != PLACEMENT {
        return None;
    }
    let (_, port, _): (i32, u16, u32) = (number.parse().ok()?, port.parse().ok()?, id.parse().ok()?);
    let host = host.replace('\\', "");
    (host != "<>").then(|| format!("{host}:{port}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn placed(host: &str, port: u16) -> String {
        format!(
            "{{EXTENSIBLENODE :extnodename ShardPlacement SHARDPLACEMENT :placementId 7 :shardId 102008 :shardLength 0 :groupId 1 \
             :nodeName {host} :nodePort {port} :nodeId 2 :partitionMethod 104 :colocationGroupId 1 :representativeValue 0}}"
        )
    }

    fn task(query: &str, placements: &[String]) -> String {
        let list = if placements.is_empty() { "<>".to_owned() } else { format!("({})", placements.join(" ")) };
        format!(
            "{{EXTENSIBLENODE :extnodename Task TASK :taskType 0 :jobId 1 :taskId 1 :queryString {query} \
             :anchorShardId 102008 :taskPlacementList {list} :dependentTaskList <> :partitionId 0}}"
        )
    }

    #[test]
    fn names_the_node_of_each_task_once() {
        let one = task("SELECT", &[placed("one", 5432)]);
        assert_eq!(nodes(&one).unwrap(), ["one:5432"]);
        let two = task("SELECT", &[placed("/tmp/a\\ folder", 6432)]);
        assert_eq!(nodes(&format!("({two} {one} {two})")).unwrap(), ["/tmp/a folder:6432", "one:5432"]);
    }

    #[test]
    fn says_nothing_where_the_node_is_not_known_yet() {
        assert_eq!(nodes(""), None);
        assert_eq!(nodes("{SEQSCAN :scanrelid 1}"), None);
        assert_eq!(nodes(&task("SELECT", &[])), None);
        assert_eq!(nodes(&task("SELECT", &[placed("one", 1), placed("two", 2)])), None);
        assert_eq!(nodes(&task("SELECT", &[placed("<>", 1)])), None);
        let known = task("SELECT", &[placed("one", 1)]);
        assert_eq!(nodes(&format!("{known} {}", task("SELECT", &[]))), None);
        assert_eq!(nodes(known.split(AFTER).next().unwrap()), None);
    }

    #[test]
    fn text_of_a_statement_is_no_placement() {
        // As PostgreSQL writes a text with blanks, and the alias ":nodeName".
        let query = "'\\ :groupId\\ 1\\ :nodeName\\ evil\\ :nodePort\\ 1\\ :nodeId\\ 1\\ '";
        assert_eq!(nodes(&task(query, &[placed("one", 1)])).unwrap(), ["one:1"]);
        for alias in [":nodeName", ":groupId", TASK, AFTER] {
            let tree = format!("{{ALIAS :aliasname {alias} :colnames (\"{alias}\" \"1\" \":nodeName\" \"evil\")}}");
            let found = nodes(&format!("{tree} {}", task("SELECT", &[placed("one", 1)])));
            assert!(found.is_none_or(|found| found == ["one:1"]), "{alias}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[:a-zA-Z0-9 (){}<>\\\\\n]{0,200}") {
            let _ = nodes(&text);
            let _ = nodes(&task(&text, &[placed("one", 1)]));
        }
    }
}
