//! What the running calls of this backend have reserved: granted before it is spent, and settled when the call has ended, however it
//! ended.

use super::amount::{Measure, ONE, Price, grouped, whole};
use super::counted;
use super::limits::{self, Limit};
use super::table::{Key, Shortage, Wish};
use super::window::seconds_until;
use crate::calls::{self, CallRecord};
use crate::catalog::budgets;
use crate::error::{Refusal, StageResult, State};
use crate::llm::Usage;
use crate::llm::client::MAX_ATTEMPTS;
use crate::llm::meter::{Meter, Spent};
use crate::pgx::shmem;
use crate::reason::Reason;
use crate::settings;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

thread_local! {
    /// The innermost call last.
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// One request to a model, at the most that it may cost.
pub struct Request {
    /// Which model.
    pub model: String,
    /// Tokens that it reads.
    pub input_tokens: u64,
    /// Tokens that it writes.
    pub output_tokens: u64,
}

/// What one call has reserved.
struct Held {
    call: Uuid,
    began: Instant,
    limits: Rc<[Limit]>,
    shares: Vec<(Measure, Wish)>,
    /// Once something is reserved for a model.
    meter: Option<Arc<Meter>>,
    prices: Vec<(String, Price)>,
}

fn is_of_models(measure: Measure) -> bool {
    matches!(measure, Measure::ModelCalls | Measure::Tokens | Measure::Cost)
}

impl Held {
    /// Given back, key by key: what was reserved, and what was used.
    fn settled(&self) -> Vec<(Key, u64, u64)> {
        let spent = self.meter.as_ref().map(|meter| meter.spent()).unwrap_or_default();
        let sum = |of: &dyn Fn(&str, &Spent) -> u64| {
            spent.iter().fold(0_u64, |sum, (model, spent)| sum.saturating_add(of(model, spent)))
        };
        let reserved = self.shares.iter().filter(|(_, wish)| !wish.is_spent);
        reserved
            .map(|(measure, wish)| {
                let used = match measure {
                    Measure::Calls => 0,
                    Measure::ModelCalls => whole(sum(&|_, spent| spent.calls)),
                    Measure::Tokens => {
                        whole(sum(&|_, spent| spent.usage.input_tokens.saturating_add(spent.usage.output_tokens)))
                    }
                    Measure::Cost => sum(&|model, spent| {
                        let price = self.prices.iter().find(|(known, _)| known == model);
                        price.map_or(u64::MAX, |(_, price)| {
                            price.of(spent.usage.input_tokens, spent.usage.output_tokens)
                        })
                    }),
                    // It ends when its deadline has passed, or a moment later.
                    Measure::RunSeconds => {
                        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).min(wish.want)
                    }
                };
                (wish.key, wish.want, used)
            })
            .collect()
    }
}

/// Which call runs, and since when.
fn running() -> StageResult<(Uuid, Instant)> {
    calls::read(|call| (call.query_id, call.started))
        .ok_or_else(|| Refusal::internal("a budget is asked for without a call"))
}

/// Lets a call of a verified tenant begin: counts it, and reserves its whole deadline.
///
/// # Errors
/// 53400 over a budget, 55000 while nothing can be counted.
pub fn admit(tenant: &str) -> StageResult<()> {
    let limits = limits::of(tenant)?;
    if limits.is_empty() {
        return Ok(());
    }
    let (call, began) = running()?;
    let wanted = limits.iter().filter(|limit| !is_of_models(limit.measure));
    let wanted = wanted.map(|limit| (limit.measure, limit.wish(want(limit.measure, &Spent::default(), &[]))));
    let shares = granted(wanted.collect())?;
    shmem::budgets::call_at_exit();
    HELD.with_borrow_mut(|held| held.push(Held { call, began, limits, shares, meter: None, prices: Vec::new() }));
    Ok(())
}

/// Millionths of a second.
fn deadline() -> u64 {
    u64::try_from(settings::deadline()).unwrap_or(0).saturating_mul(1_000)
}

/// Reserves what the requests of a question may cost, each sent as often as it may be.
///
/// # Errors
/// 53400 over a budget, 55000 where a model has no price that needs one, or while nothing can be counted.
pub fn reserve(requests: &[Request]) -> StageResult<()> {
    let (call, _) = running()?;
    let limits = HELD.with_borrow(|held| {
        let held = held.last().filter(|held| held.call == call && held.meter.is_none());
        held.map(|held| Rc::clone(&held.limits))
    });
    let Some(limits) = limits.filter(|limits| limits.iter().any(|limit| is_of_models(limit.measure))) else {
        return Ok(());
    };
    let most = most(requests);
    let is_priced = limits.iter().any(|limit| limit.measure == Measure::Cost);
    let prices = if is_priced { prices(requests)? } else { Vec::new() };
    let wanted = limits.iter().filter(|limit| is_of_models(limit.measure));
    let wanted = wanted.map(|limit| (limit.measure, limit.wish(want(limit.measure, &most, &prices))));
    let shares = granted(wanted.collect())?;
    HELD.with_borrow_mut(|held| {
        if let Some(held) = held.last_mut() {
            held.shares.extend(shares);
            held.meter = Some(Meter::new(most));
            held.prices = prices;
        }
    });
    Ok(())
}

/// What the requests take together, each sent as often as it may be.
fn most(requests: &[Request]) -> Spent {
    let tries = u64::from(MAX_ATTEMPTS);
    let sum = |of: &dyn Fn(&Request) -> u64| {
        requests.iter().fold(0_u64, |sum, request| sum.saturating_add(of(request))).saturating_mul(tries)
    };
    let usage = Usage {
        input_tokens: sum(&|request| request.input_tokens),
        output_tokens: sum(&|request| request.output_tokens),
    };
    Spent { calls: sum(&|_| 1), usage }
}

/// The same as a measure counts it.
fn want(measure: Measure, most: &Spent, prices: &[(String, Price)]) -> u64 {
    let Spent { calls, usage } = *most;
    match measure {
        Measure::Calls => ONE,
        Measure::RunSeconds => deadline(),
        Measure::ModelCalls => whole(calls),
        Measure::Tokens => whole(usage.input_tokens.saturating_add(usage.output_tokens)),
        Measure::Cost => {
            // Any of the models may read and write all of it, and each model's part is rounded up.
            let dearest = Price {
                input: prices.iter().map(|(_, price)| price.input).max().unwrap_or(0),
                output: prices.iter().map(|(_, price)| price.output).max().unwrap_or(0),
            };
            let parts = u64::try_from(prices.len()).unwrap_or(u64::MAX);
            dearest.of(usage.input_tokens, usage.output_tokens).saturating_add(parts)
        }
    }
}

/// What one call with these requests reserves, in millionths; of models nothing without any, and no cost without a price.
///
/// # Errors
/// XX000 where prices cannot be read.
pub fn needs(requests: &[Request]) -> StageResult<Vec<(Measure, Option<u64>)>> {
    let most = most(requests);
    let prices = match prices(requests) {
        Err(refusal) if refusal.state == State::Unsafe => None,
        read => Some(read?),
    };
    let measures = Measure::ALL.into_iter().filter(|measure| !(requests.is_empty() && is_of_models(*measure)));
    let needs = measures.map(|measure| match (&prices, measure) {
        (None, Measure::Cost) => (measure, None),
        (prices, _) => (measure, Some(want(measure, &most, prices.as_deref().unwrap_or_default()))),
    });
    Ok(needs.collect())
}

fn prices(requests: &[Request]) -> StageResult<Vec<(String, Price)>> {
    let mut prices: Vec<(String, Price)> = Vec::new();
    for Request { model, .. } in requests {
        if prices.iter().any(|(known, _)| known == model) {
            continue;
        }
        let unpriced = || {
            Refusal::new(
                State::Unsafe,
                "the model has no price, which a budget of cost needs; an administrator must set it",
            )
            .because(Reason::Budget)
            .with_detail(format!("SELECT splitplane.set_price('{model}', ..)"))
        };
        let (input, output) = budgets::price(model)?.ok_or_else(unpriced)?;
        let price = u64::try_from(input).ok().zip(u64::try_from(output).ok());
        let (input, output) = price.ok_or_else(unpriced)?;
        prices.push((model.clone(), Price { input, output }));
    }
    Ok(prices)
}

/// What watches the requests of the running call to models; `None` where no budget is set that they count for. A call that has
/// reserved nothing for them may send none.
pub fn meter() -> Option<Arc<Meter>> {
    let (call, _) = running().ok()?;
    HELD.with_borrow(|held| {
        let held = held.last().filter(|held| held.call == call)?;
        let none = || Meter::new(Spent::default());
        let is_watched = held.limits.iter().any(|limit| is_of_models(limit.measure));
        is_watched.then(|| held.meter.clone().unwrap_or_else(none))
    })
}

/// The call has ended: what it has not used is given back.
pub fn settle(record: &CallRecord) {
    settle_where(|held| held.call == record.query_id);
}

/// The backend ends.
pub(super) fn settle_all() {
    settle_where(|_| true);
}

fn settle_where(is_it: impl Fn(&Held) -> bool) {
    let ended: Vec<Held> = HELD.with(|held| {
        // Borrowed only where this backend ends in the middle of a change of it, which nothing interrupts.
        held.try_borrow_mut().map(|mut held| held.extract_if(.., |held| is_it(held)).collect()).unwrap_or_default()
    });
    let all: Vec<(Key, u64, u64)> = ended.iter().flat_map(Held::settled).collect();
    if !all.is_empty() {
        counted::settle(&all);
    }
}

/// All of these, or the refusal of the first that cannot be granted.
fn granted(wanted: Vec<(Measure, Wish)>) -> StageResult<Vec<(Measure, Wish)>> {
    if wanted.is_empty() {
        return Ok(wanted);
    }
    let wishes: Vec<Wish> = wanted.iter().map(|(_, wish)| *wish).collect();
    let Err((place, shortage, now)) = counted::reserve(&wishes)? else { return Ok(wanted) };
    let of = wanted.get(place).map_or("this", |(measure, _)| measure.in_words());
    let seconds = |then: i64| {
        let seconds = seconds_until(now, then);
        format!("try again in {} second{}", grouped(seconds), if seconds == 1 { "" } else { "s" })
    };
    // By then what is reserved now is settled.
    let soon = |end: i64| end.min(now.saturating_add(i64::try_from(deadline()).unwrap_or(i64::MAX)));
    Err(Refusal::new(
        State::Limit,
        match shortage {
            Shortage::Used(end) => format!("the budget of {of} is used up; {}", seconds(end)),
            Shortage::Reserved(end) => {
                format!("what is left of the budget of {of} is reserved by other calls; {}", seconds(soon(end)))
            }
            Shortage::TooLarge => {
                format!("the budget of {of} is smaller than what one call may need; an administrator must raise it")
            }
            Shortage::NoSlot(end) => {
                format!("no further tenant's budget of {of} can be counted; {}", seconds(end))
            }
        },
    )
    .because(Reason::Budget))
}
