//! What a test lets go wrong, and what it is told.

use std::collections::VecDeque;
use std::time::Duration;

/// What goes wrong with one refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before anything was done.
    CutBefore,
    /// The connection is closed after the token was spent, without an answer.
    CutAfter,
    /// Half an answer comes after the token was spent.
    HalfAnswer,
    /// The token is spent, and what comes with status 200 is no JSON.
    Garbage,
    /// This status, nothing was done, and when to come again, in seconds.
    Status(u16, Option<u32>),
    /// A refusal in this word, whatever was sent.
    Refused(&'static str),
    /// The answer comes only when the test releases it; the token is spent before.
    Held,
}

/// What it does at the moment.
#[derive(Clone, Debug, Default)]
pub struct Conduct {
    /// How long it takes over each token request.
    pub delay: Duration,
    /// What goes wrong with the next refreshes, one after another.
    pub faults: VecDeque<Fault>,
    /// What goes wrong with all others.
    pub always: Option<Fault>,
    /// One refresh of so many gets its answer cut, after the token was spent.
    pub cut_one_in: Option<u64>,
    /// What the next revocations are answered with, one after another: a status, and when to come again, in seconds.
    pub refused_revocations: VecDeque<(u16, Option<u32>)>,
    /// The most revocations in a second: others are told to come again in one.
    pub most_revocations: Option<u32>,
}

/// How much it had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Refresh requests.
    pub refreshes: u64,
    /// The most of them within one second.
    pub most_in_a_second: u64,
    /// The most at the same time.
    pub most_at_once: u64,
    /// Calls of the API with a token that is good.
    pub calls: u64,
    /// Calls of the API with a token that has ended.
    pub calls_after_the_end: u64,
}
