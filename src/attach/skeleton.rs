//! The trusted skeleton: one common table expression per plane relation, holding the columns and rows of the plane.

use super::{Fence, Known, binding, directed};
use crate::ablation::{self, Switch};
use crate::catalog::plane::PlaneRelation;
use crate::error::{Refusal, StageResult};
use crate::gate::Gated;
use crate::pgx::names::quote_identifier;
use crate::pgx::order;
use crate::pgx::parameters::Parameters;
use crate::pgx::query::{BaseScan, LinkCall, ScanCondition};
use crate::pgx::types;
use crate::remote::Form;
use pgrx::pg_sys;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Where the untrusted tree is grafted in.
pub(super) const PLACEHOLDER: &str = "SELECT 1";

/// The fences and the skeleton's text, with `PLACEHOLDER` as its derived table.
pub(super) fn build(
    targets: &BTreeMap<String, Rc<PlaneRelation>>,
    known: Known<'_>,
    parameters: &mut Parameters<'_>,
) -> StageResult<(Vec<Fence>, String)> {
    let mut fences = Vec::with_capacity(targets.len());
    let mut expressions = Vec::with_capacity(targets.len());
    for (name, relation) in targets {
        let relation = &directed::directed(relation, known, parameters)?;
        // Of such a data server nothing is asked but the tenant's rows.
        let is_kept_here = relation.remote.as_ref().is_some_and(|remote| remote.form == Form::Materialized);
        let is_materialized = is_kept_here || ablation::is_off(Switch::Inlining);
        let form = if is_materialized { "MATERIALIZED" } else { "NOT MATERIALIZED" };
        let (conditions, links, text) = scope(relation, known, parameters)?;
        let columns: Vec<String> = relation.columns.iter().map(|column| quote_identifier(&column.name)).collect();
        expressions.push(format!(
            "{} AS {form} (SELECT {} FROM {}.{}{text})",
            quote_identifier(name),
            columns.join(", "),
            quote_identifier(&relation.schema),
            quote_identifier(&relation.table),
        ));
        let columns = relation.columns.iter().map(|column| column.attribute).collect();
        let scan = BaseScan { relation: relation.oid, columns, conditions, links };
        fences.push(Fence { name: name.clone(), relation: Rc::clone(relation), scan });
    }
    let with = if expressions.is_empty() { String::new() } else { format!("WITH {}\n", expressions.join(",\n     ")) };
    Ok((fences, format!("{with}SELECT * FROM ({PLACEHOLDER}) AS answer")))
}

/// The same with an answer of no more rows.
pub(super) fn cut(skeleton: &str, most_rows: usize) -> String {
    format!("{skeleton} LIMIT {most_rows}")
}

/// Whether a fence would be built as it was. Its parameters are added as they would be then: which of them are one and the same hangs
/// on the values of the claims.
pub(super) fn is_same(fence: &Fence, known: Known<'_>, parameters: &mut Parameters<'_>) -> StageResult<bool> {
    let (conditions, links, _) = scope(&fence.relation, known, parameters)?;
    Ok(conditions == fence.scan.conditions && links == fence.scan.links)
}

/// The plane SQL as text, to show: the untrusted text stands where its tree is grafted in.
pub(super) fn show(skeleton: &str, gated: &Gated) -> String {
    match skeleton.rsplit_once(PLACEHOLDER) {
        Some((before, after)) => gated.within(before, after),
        None => skeleton.to_owned(),
    }
}

/// The same for what stands there with views around it.
pub(super) fn show_text(skeleton: &str, text: &str) -> String {
    match skeleton.rsplit_once(PLACEHOLDER) {
        Some((before, after)) => format!("{before}\n{text}\n{after}"),
        None => skeleton.to_owned(),
    }
}

fn scope(
    relation: &PlaneRelation,
    known: Known<'_>,
    parameters: &mut Parameters<'_>,
) -> StageResult<(Vec<ScanCondition>, Option<LinkCall>, String)> {
    if ablation::is_off(Switch::Filter) {
        return Ok((Vec::new(), None, String::new()));
    }
    let mut conditions = Vec::with_capacity(relation.conditions());
    let mut texts = Vec::with_capacity(relation.conditions());
    for scope in &relation.scope {
        let parameter = binding::bind(scope, known.claims, parameters)?;
        let column = quote_identifier(&scope.column.name);
        texts.push(if scope.is_list() {
            format!("{column} OPERATOR(pg_catalog.=) ANY (${parameter})")
        } else if scope.or_null {
            format!("({column} OPERATOR(pg_catalog.=) ${parameter} OR {column} IS NULL)")
        } else {
            format!("{column} OPERATOR(pg_catalog.=) ${parameter}")
        });
        let operator = types::equality_operator(scope.base_type)
            .ok_or_else(|| Refusal::proof("a scope column's type has no equality"))?;
        conditions.push(ScanCondition {
            attribute: scope.column.attribute,
            operator,
            parameter: i32::try_from(parameter).map_err(|_| Refusal::proof("too many parameters"))?,
            is_list: scope.is_list(),
            or_null: scope.or_null,
        });
    }
    let links = links(relation, known, parameters, &mut conditions, &mut texts)?;
    if texts.is_empty() != relation.is_shared {
        return Err(Refusal::proof("a protected relation without a scope"));
    }
    let text = if texts.is_empty() || ablation::is_off(Switch::FilterText) {
        String::new()
    } else {
        format!(" WHERE {}", texts.join(" AND "))
    };
    Ok((conditions, links, text))
}

/// The conditions on the keys of parents. On the first column of a key, `= ANY (keys)`, or that it lies between the least and the
/// greatest, gives the planner an index and an estimate; where that is not the whole condition, `has_parent` is the rest.
fn links(
    relation: &PlaneRelation,
    known: Known<'_>,
    parameters: &mut Parameters<'_>,
    conditions: &mut Vec<ScanCondition>,
    texts: &mut Vec<String>,
) -> StageResult<Option<LinkCall>> {
    let is_alone = relation.links.len() == 1;
    let mut is_whole = is_alone;
    for link in &relation.links {
        let Some(column) = link.columns.first() else { return Err(Refusal::proof("a key without columns")) };
        // With several links a key that is NULL does not hide the row.
        let keys = known.keys.get(&link.number).filter(|_| is_alone || link.is_not_null);
        let base = types::base_type(column.type_oid);
        let mut add = |operator: &str, oid: Option<pg_sys::Oid>, parameter: usize, is_list: bool| -> StageResult<()> {
            let value = if is_list { format!("ANY (${parameter})") } else { format!("${parameter}") };
            texts.push(format!("{} OPERATOR(pg_catalog.{operator}) {value}", quote_identifier(&column.name)));
            conditions.push(ScanCondition {
                attribute: column.attribute,
                operator: oid.ok_or_else(|| Refusal::proof("a key column's type cannot be compared"))?,
                parameter: i32::try_from(parameter).map_err(|_| Refusal::proof("too many parameters"))?,
                is_list,
                or_null: false,
            });
            Ok(())
        };
        if let Some((keys, leading)) = keys.and_then(|keys| Some((keys, keys.leading.as_ref()?))) {
            // Not the keys themselves: the parent may be hidden.
            let parameter = parameters.add_keys(base, leading, format!("({} keys)", keys.count))?;
            add("=", types::equality_operator(base), parameter, true)?;
            is_whole &= link.columns.len() == 1;
            continue;
        }
        is_whole = false;
        let range = keys.and_then(|keys| parameters.add_range(base, keys.range.as_ref()?));
        if let Some([least, greatest]) = range {
            let operators = order::range_operators(base);
            add(">=", operators.map(|[at_least, _]| at_least), least, false)?;
            add("<=", operators.map(|[_, at_most]| at_most), greatest, false)?;
        }
    }
    let call = relation.link_call(known.plane.policy.has_parent).filter(|_| !is_whole);
    if let Some(call) = &call {
        let columns: Vec<String> = relation.link_columns().map(|column| quote_identifier(&column.name)).collect();
        // Numbers, colons and commas.
        texts.push(format!("splitplane.has_parent('{}', {})", call.links, columns.join(", ")));
    }
    Ok(call)
}
