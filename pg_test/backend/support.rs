//! What the suites share: two tenants' tables in the plane, a verified principal, and the stages one by one.

use crate::attach::{self, Attached, Claims, Fence, Keys};
use crate::catalog::current_plane;
use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult, State};
use crate::gate::{self, Gated, Limits};
use crate::identity::{Key, Policy, Principal, PrincipalRow, SignedContext, SigningRequest, VerifiedIdentity, sign};
use crate::numbers::WideNumbers;
use crate::pgx::parameters::Parameters;
use crate::pgx::parse::{self, Analysed, Grafted, NameScope};
use crate::pgx::plan as pgx_plan;
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use crate::pgx::section::confine::Confinement;
use crate::pgx::server;
use crate::pgx::sink::{Caps, Sink};
use crate::prove::{self, ProofFacts};
use crate::run;
use crate::trust;
use pgrx::prelude::*;
use std::collections::HashMap;
use std::rc::Rc;
use zeroize::Zeroizing;

/// Milliseconds: long enough never to matter.
pub const LONG: i32 = 60_000;

/// A table of words, for `World::with_citext`.
const WORDS: &str = "
    SET client_min_messages = warning;
    CREATE TABLE public.words (tenant_id int NOT NULL, n int, a citext, b citext, c text, l citext[]);
    INSERT INTO public.words VALUES (42, 1, 'Ann', 'aNN', 'ANN', '{A,b}'), (42, 2, 'bob', 'Bo', 'o', '{BOB}'),
        (42, 3, 'x-Y-z', 'y', 'Y', '{}'), (42, 4, NULL, 'q', 'q', NULL), (7, 5, 'hidden', 'hidden', 'hidden', '{HIDDEN}');
    SELECT splitplane.allow_extension('citext');
    SELECT splitplane.protect('public.words', '{\"tenant_id\": \"tenant\"}');";

/// Two tenants, 42 and 7. `hidden` is in no plane.
const TABLES: &str = "
    CREATE TABLE public.orders (tenant_id int NOT NULL, store_id int NOT NULL, order_id int PRIMARY KEY,
                                status text, total numeric, secret text);
    CREATE TABLE public.stores (tenant_id int NOT NULL, store_id int NOT NULL, city text, details json,
                                PRIMARY KEY (tenant_id, store_id));
    CREATE TABLE public.countries (code text PRIMARY KEY, name text);
    CREATE TABLE public.hidden (id int, word text);
    INSERT INTO public.orders SELECT CASE WHEN n % 2 = 0 THEN 42 ELSE 7 END, n % 5, n,
        (ARRAY['paid', 'void', 'open'])[1 + n % 3], n * 1.5, 'secret ' || n FROM generate_series(1, 60) AS n;
    INSERT INTO public.stores SELECT t, s, 'city ' || t || '/' || s, json_build_object('s', s)
        FROM unnest(ARRAY[7, 42]) AS t, generate_series(0, 4) AS s;
    INSERT INTO public.countries VALUES ('de', 'Germany'), ('us', 'United States');
    INSERT INTO public.hidden VALUES (1, 'hidden');
    SELECT splitplane.protect('public.orders', '{\"tenant_id\": \"tenant\", \"store_id\": \"stores\"}',
                              ARRAY['store_id', 'order_id', 'status', 'total']);
    SELECT splitplane.protect('public.stores', '{\"tenant_id\": \"tenant\"}', ARRAY['store_id', 'city', 'details']);
    SELECT splitplane.share('public.countries');
";

pub struct World {
    pub plane: Rc<Plane>,
    pub principal: Rc<Principal>,
}

impl World {
    /// The tables, protected, and tenant 42's principal with the stores 1, 2 and 3.
    pub fn new() -> Self {
        Spi::run(TABLES).unwrap();
        World { plane: current_plane().unwrap(), principal: principal("42", r#"{"stores": [1, 2, 3]}"#) }
    }

    /// The same with `orders` bound by the tenant column alone, to these words; every sixth of its rows has no tenant.
    pub fn with(bound_to: &str) -> Self {
        Spi::run(
            "DROP TABLE IF EXISTS public.orders, public.stores, public.countries, public.hidden;
             DELETE FROM splitplane.relations",
        )
        .unwrap();
        Spi::run(TABLES).unwrap();
        Spi::run(&format!(
            "ALTER TABLE public.orders ALTER tenant_id DROP NOT NULL;
             UPDATE public.orders SET tenant_id = NULL WHERE order_id % 6 = 0;
             SELECT splitplane.protect('public.orders', '{{\"tenant_id\": \"{bound_to}\"}}', ARRAY['order_id', 'total'])"
        ))
        .unwrap();
        World { plane: current_plane().unwrap(), principal: principal("42", r#"{"stores": [1, 2, 3]}"#) }
    }

    /// The plane without a table, where only the section matters.
    pub fn bare() -> Self {
        World { plane: current_plane().unwrap(), principal: principal("42", r#"{"stores": [1, 2, 3]}"#) }
    }

    /// A table with columns of type citext, whose extension is allowed.
    pub fn with_citext() -> Self {
        Spi::run("CREATE EXTENSION citext SCHEMA public").unwrap();
        Spi::run(WORDS).unwrap();
        World::bare()
    }

    pub fn confined<T>(&self, body: impl for<'c> FnOnce(&'c Confinement<'c>) -> StageResult<T>) -> StageResult<T> {
        run::confined(&self.plane, Rc::clone(&self.principal), LONG, body)
    }

    pub fn attach<'c>(&self, confinement: &'c Confinement<'c>, sql: &str) -> StageResult<Attached<'c>> {
        attach::attach(confinement, &gated(sql), &[], &self.plane, Claims::Of(&self.principal), &Keys::new(), None)
    }

    /// Analyses `sql` as `ask` would.
    pub fn analyse<'c>(&self, confinement: &'c Confinement<'c>, sql: &str) -> StageResult<Analysed<'c>> {
        self.analyse_along(confinement, sql, &self.plane.name_scope())
    }

    /// The same with names looked up elsewhere.
    pub fn analyse_along<'c>(
        &self,
        confinement: &'c Confinement<'c>,
        sql: &str,
        scope: &NameScope,
    ) -> StageResult<Analysed<'c>> {
        self.analyse_with(confinement, sql, scope, |query| prove::refuse_strangers(query, &self.plane))
    }

    /// The same with another look at what is found by name.
    pub fn analyse_with<'c>(
        &self,
        confinement: &'c Confinement<'c>,
        sql: &str,
        scope: &NameScope,
        known: impl FnOnce(QueryView<'_>) -> StageResult<()>,
    ) -> StageResult<Analysed<'c>> {
        let attached = self.attach(confinement, sql)?;
        parse::analyse(attached.grafted, &attached.parameters, scope, known)
    }

    /// Every stage as `ask` calls them; the rows as JSON.
    pub fn rows(&self, sql: &str) -> StageResult<serde_json::Value> {
        self.confined(|confinement| {
            let claims = Claims::Of(&self.principal);
            let planned =
                run::prove(confinement, &gated(sql), &[], &self.plane, claims, None, |_| {})?.plan(&self.plane)?;
            let mut sink = Sink::json(CAPS, WideNumbers::Number, &self.plane.extensions.answers);
            run::run(planned, &mut sink)?;
            Ok(serde_json::from_str(&sink.into_json()?.text).unwrap())
        })
    }

    /// Proves `sql` as `ask` would.
    pub fn prove(&self, sql: &str) -> StageResult<ProofFacts> {
        self.prove_broken(sql, &Broken::default())
    }

    /// Proves with one part of our own code replaced by a wrong one.
    pub fn prove_broken(&self, sql: &str, broken: &Broken<'_>) -> StageResult<ProofFacts> {
        self.confined(|confinement| {
            let mut attached = self.attach(confinement, sql)?;
            let skeleton = skeleton_of(&attached, sql);
            let skeleton = broken.skeleton.map_or_else(|| skeleton.clone(), |change| change(&skeleton));
            let tree = match broken.unwalked {
                Some(hostile) => parse::parse_one(confinement, hostile)?,
                None => {
                    let mut tree = parse::parse_one(confinement, sql)?;
                    attach::refuse_by_name(&self.plane, &mut tree)?;
                    tree
                }
            };
            if let Some(change) = broken.fences {
                change(&mut attached.fences);
            }
            let grafted: Grafted<'_> = parse::graft(confinement, &skeleton, tree, "")?;
            let analysed = parse::analyse(grafted, &attached.parameters, &self.plane.name_scope(), |query| {
                prove::refuse_strangers(query, &self.plane)
            })?;
            if let Some(statement) = broken.before_rewriting {
                statement();
            }
            Ok(prove::prove(trust::trust(analysed, &self.plane)?, attached.fences, attached.views, &self.plane)?
                .facts()
                .clone())
        })
    }

    /// Proves a tree that the raw walk never saw, with `orders` fenced.
    pub fn prove_unwalked(&self, hostile: &str) -> StageResult<ProofFacts> {
        self.prove_broken("SELECT 1 FROM orders", &Broken { unwalked: Some(hostile), ..Broken::default() })
    }
}

/// The functions that a query below the fences calls by name, and its operators, those that sort and group among them.
pub fn named_objects(query: QueryView<'_>) -> Vec<u32> {
    let mut found = Vec::new();
    query.children(true, &mut |node| note_objects(node, &mut found)).unwrap();
    found
}

fn note_objects(node: QueryNode<'_>, found: &mut Vec<u32>) -> StageResult<()> {
    use pgrx::pg_sys::NodeTag as T;
    match node.kind() {
        QueryKind::Query(query) => return query.children(false, &mut |child| note_objects(child, found)),
        QueryKind::RangeTableEntry(_) => return Ok(()),
        QueryKind::SortGroup { equality, ordering } => {
            found.extend([equality.to_u32(), ordering.to_u32()]);
            return Ok(());
        }
        QueryKind::SetOperation { groups, .. } => {
            groups.into_iter().try_for_each(|group| note_objects(group, found))?
        }
        QueryKind::Call(call) => found.push(call.function.to_u32()),
        QueryKind::Other(T::T_Aggref | T::T_WindowFunc) => {
            found.extend(node.functions().into_iter().map(pgrx::pg_sys::Oid::to_u32));
        }
        _ => {}
    }
    found.extend(node.operators().into_iter().map(pgrx::pg_sys::Oid::to_u32));
    node.children(&mut |child| note_objects(child, found))
}

/// Which part of our own code is replaced.
#[derive(Default)]
pub struct Broken<'b> {
    /// Another skeleton than `attach::skeleton` writes.
    pub skeleton: Option<&'b dyn Fn(&str) -> String>,
    /// A tree that goes past the raw walk.
    pub unwalked: Option<&'b str>,
    /// Another list of fences.
    pub fences: Option<&'b dyn Fn(&mut Vec<Fence>)>,
    /// Runs between analysis and proof.
    pub before_rewriting: Option<&'b dyn Fn()>,
}

const CAPS: Caps = Caps { rows: 10_000, bytes: 10_000_000 };

/// The skeleton's text, from the text that is shown.
fn skeleton_of(attached: &Attached<'_>, sql: &str) -> String {
    let shown = format!("(\n{sql}\n)");
    assert!(attached.shown.contains(&shown), "{}", attached.shown);
    attached.shown.replace(&shown, "(SELECT 1)")
}

pub fn gated(sql: &str) -> Gated {
    gate::admit(sql, &Limits::default()).unwrap_or_else(|error| panic!("the gate refuses {sql}: {error}"))
}

/// The rows of an unfenced, unproved statement with these parameters: the only way to see what they hold.
pub fn unproved_rows<'c>(
    confinement: &'c Confinement<'c>,
    sql: &str,
    parameters: &Parameters<'c>,
) -> StageResult<serde_json::Value> {
    rows_of(unproved_plan(confinement, sql, parameters)?)
}

/// The rows of a plan as JSON.
pub fn rows_of(planned: pgx_plan::Planned<'_>) -> StageResult<serde_json::Value> {
    let none = HashMap::new();
    let mut sink = Sink::json(CAPS, WideNumbers::Number, &none);
    planned.execute(&mut sink)?;
    Ok(serde_json::from_str(&sink.into_json()?.text).unwrap())
}

/// The plan of a proved statement, as EXPLAIN shows it.
pub fn explanation(world: &World, sql: &str) -> String {
    let plan = world.confined(|confinement| {
        let claims = Claims::Of(&world.principal);
        let statement = run::prove(confinement, &gated(sql), &[], &world.plane, claims, None, |_| {})?;
        Ok(statement.plan(&world.plane)?.explain())
    });
    assert_accepted(sql, plan)
}

/// The plan of a proved statement as it is run.
pub fn explanation_as_run(world: &World, sql: &str) -> String {
    let plan = world.confined(|confinement| {
        let claims = Claims::Of(&world.principal);
        let planned =
            run::prove(confinement, &gated(sql), &[], &world.plane, claims, None, |_| {})?.plan(&world.plane)?;
        planned.ask_once()?;
        Ok(planned.explain())
    });
    assert_accepted(sql, plan)
}

/// How PostgreSQL would run such a statement, as EXPLAIN shows it.
pub fn unproved_explanation(world: &World, sql: &str) -> String {
    let plan =
        world.confined(|confinement| Ok(unproved_plan(confinement, sql, &Parameters::new(confinement))?.explain()));
    assert_accepted(sql, plan)
}

/// A setting that, set to anything, has unproved statements run in a parallel worker.
const IN_A_WORKER: &std::ffi::CStr = c"tests.in_a_worker";

pub fn unproved_plan<'c>(
    confinement: &'c Confinement<'c>,
    sql: &str,
    parameters: &Parameters<'c>,
) -> StageResult<pgx_plan::Planned<'c>> {
    if server::option(IN_A_WORKER).is_some() {
        // After the section has pinned it.
        let name = if cfg!(feature = "pg15") { "force_parallel_mode" } else { "debug_parallel_query" };
        Spi::run(&format!("SELECT pg_catalog.set_config('{name}', 'on', true)")).unwrap();
    }
    let tree = parse::parse_one(confinement, sql)?;
    let grafted = parse::graft(confinement, "SELECT * FROM (SELECT 1) AS answer", tree, "")?;
    let rewritten = parse::analyse(grafted, parameters, &NameScope::own(), |_| Ok(()))?.rewrite()?;
    pgx_plan::plan(rewritten, parameters, &|_| true)
}

const SECRET: &str = "backend/tests+secret";

/// A context of tenant `tenant`, signed and verified. `nonce` distinguishes contexts of one second.
pub fn identity(tenant: &str, nonce: usize, dated: i64, max_uses: u32) -> VerifiedIdentity {
    identity_of(tenant, "", nonce, dated, max_uses)
}

fn identity_of(tenant: &str, subject: &str, nonce: usize, dated: i64, max_uses: u32) -> VerifiedIdentity {
    identity_by("AKSPBACKEND", tenant, subject, nonce, dated, max_uses)
}

/// The same, signed with a key of this id.
pub fn identity_by(
    key_id: &str,
    tenant: &str,
    subject: &str,
    nonce: usize,
    dated: i64,
    max_uses: u32,
) -> VerifiedIdentity {
    let headers = sign(&SigningRequest {
        key_id,
        secret: SECRET,
        audience: "backend",
        region: "us-east-1",
        tenant,
        business: "",
        subject,
        conversation: "",
        nonce: &format!("{nonce:032}"),
        dated,
        payload: b"SELECT 1",
    });
    let context: serde_json::Map<String, serde_json::Value> =
        headers.into_iter().map(|(name, value)| (name, serde_json::Value::String(value))).collect();
    let key = Key {
        secret: Zeroizing::new(SECRET.to_owned()),
        not_before: dated - 10,
        not_after: dated + 10,
        revoked: false,
        tenants: None,
        max_uses,
    };
    let policy = Policy { audience: "backend", now: dated, clock_skew: 300, horizon: i64::MIN };
    SignedContext::parse(&serde_json::Value::Object(context).to_string())
        .unwrap()
        .verify(Some(&key), b"SELECT 1", &policy)
        .unwrap()
}

pub fn principal(tenant: &str, claims: &str) -> Rc<Principal> {
    resolved(identity(tenant, 0, crate::pgx::server::now(), 1), claims)
}

/// A principal without further claims, with its subject.
pub fn subject(tenant: &str, subject: &str) -> Rc<Principal> {
    resolved(identity_of(tenant, subject, 0, crate::pgx::server::now(), 1), "{}")
}

fn resolved(identity: VerifiedIdentity, claims: &str) -> Rc<Principal> {
    let row = PrincipalRow {
        tenant: identity.tenant().to_owned(),
        business: "*".to_owned(),
        subject: "*".to_owned(),
        claims: claims.to_owned(),
        enabled: true,
    };
    Rc::new(Principal::resolve(identity, vec![row]).unwrap())
}

/// Message and detail of a refusal, as the server log would have them.
pub fn told(refusal: &Refusal) -> String {
    format!("{:?} {} | {}", refusal.state, refusal.message, refusal.detail.clone().unwrap_or_default())
}

/// Asserts that a stage refused with this state and these words in message or detail.
pub fn assert_refused<T>(what: &str, result: StageResult<T>, state: State, words: &str) {
    match result {
        Ok(_) => panic!("accepted: {what}"),
        Err(refusal) => {
            let told = told(&refusal);
            assert!(refusal.state == state && told.contains(words), "{what}: {told}");
        }
    }
}

/// Asserts that a stage accepted.
pub fn assert_accepted<T>(what: &str, result: StageResult<T>) -> T {
    result.unwrap_or_else(|refusal| panic!("refused: {what}: {}", told(&refusal)))
}

/// One text value of a query.
pub fn text(sql: &str) -> Option<String> {
    Spi::get_one::<String>(sql).unwrap()
}
