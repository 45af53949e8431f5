//! How long each stage of a call took, and what is left of its deadline.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long stages took.
#[derive(Debug, Default, Clone)]
pub struct Timings {
    /// Microseconds by stage, in the order of the call. A stage that was entered again is summed up.
    pub laps: Vec<(&'static str, f64)>,
    /// The stage that ended last.
    pub last: Option<&'static str>,
}

/// Read by whoever watches the call while its stopwatch runs, and after.
pub type SharedTimings = Rc<RefCell<Timings>>;

/// Runs from the start of a call.
pub struct Stopwatch {
    started: Instant,
    last: Instant,
    /// Milliseconds.
    deadline: i32,
    timings: SharedTimings,
}

impl Stopwatch {
    /// Starts a call that may take `deadline` milliseconds.
    pub fn start(deadline: i32) -> Self {
        let now = Instant::now();
        Stopwatch { started: now, last: now, deadline, timings: SharedTimings::default() }
    }

    /// A stage is done.
    pub fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let spent = now.duration_since(self.last).as_secs_f64() * 1e6;
        self.last = now;
        let Timings { laps, last } = &mut *self.timings.borrow_mut();
        *last = Some(stage);
        match laps.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, sum)) => *sum += spent,
            None => laps.push((stage, spent)),
        }
    }

    /// When the call's deadline passes.
    pub fn deadline(&self) -> Instant {
        self.started + Duration::from_millis(u64::try_from(self.deadline).unwrap_or(0))
    }

    /// When half of the call's deadline has passed.
    pub fn half(&self) -> Instant {
        self.started + Duration::from_millis(u64::try_from(self.deadline / 2).unwrap_or(0))
    }

    /// Milliseconds that are left of the call's deadline, at least one.
    pub fn left(&self) -> i32 {
        let spent = i32::try_from(self.started.elapsed().as_millis()).unwrap_or(i32::MAX);
        self.deadline.saturating_sub(spent).max(1)
    }

    /// The laps, as far as they are taken.
    pub fn timings(&self) -> SharedTimings {
        Rc::clone(&self.timings)
    }

    /// The call is done.
    pub fn finish(self) -> Timings {
        let mut timings = self.timings.borrow().clone();
        timings.laps.push(("total", self.started.elapsed().as_secs_f64() * 1e6));
        timings
    }
}
