//! When tokens are replaced.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use catalogue::{AccessLifetime, Authentication, Lifetime, ReusePolicy, Service};
use service_client::Credentials;

use crate::store::accounts::Times;

/// A pause after a failure doubles from here.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// It grows no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A service is asked again after this time, whatever it says.
const LONGEST_WISH: Duration = Duration::from_secs(3600);
/// How long a token request is on its way at most, in the usual case.
const ON_THE_WAY: Duration = Duration::from_secs(5);
/// A token with less than this left may have ended when a call arrives.
const ALMOST_ENDED: Duration = Duration::from_secs(1);

/// How the tokens of an account are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Renewal {
    /// What becomes of what is sent.
    pub(crate) reuse: ReusePolicy,
    /// For [`ReusePolicy::Grace`]: how long it may be sent again.
    pub(crate) grace: Duration,
}

impl Renewal {
    /// None if the account has nothing that a token could be got with.
    pub(crate) fn of(service: &Service, credentials: &Credentials) -> Option<Self> {
        let (reuse, lifetime) = match &service.authentication {
            Authentication::Oauth2Code(code) => {
                credentials.refresh_token()?;
                (code.lifetime.reuse, &code.lifetime)
            }
            // A key, a secret or a password can be sent as often as anybody likes.
            _ => (ReusePolicy::Static, lifetime(service)?),
        };
        let grace = Duration::from_secs(lifetime.grace_seconds.unwrap_or(0).into());
        Some(Self { reuse, grace })
    }

    /// Whether what was first sent at `begun_at`, and of whose end nothing is known, may be sent again.
    pub(crate) fn may_send_again(self, begun_at: i64, now: i64) -> bool {
        match self.reuse {
            ReusePolicy::Static | ReusePolicy::UntilSuccessorUsed => true,
            // The request has to arrive within the time, too.
            ReusePolicy::Grace => {
                let way = ON_THE_WAY.min(self.grace / 4);
                now.saturating_sub(begun_at) < milliseconds(self.grace.saturating_sub(way))
            }
            ReusePolicy::SingleUse => false,
        }
    }
}

/// The lifetimes of the service's tokens, if it has tokens that end.
pub(crate) fn lifetime(service: &Service) -> Option<&Lifetime> {
    match &service.authentication {
        Authentication::Oauth2Code(code) => Some(&code.lifetime),
        Authentication::Oauth2ClientCredentials(client) => Some(&client.lifetime),
        Authentication::Oauth2JwtBearer(bearer) => Some(&bearer.lifetime),
        Authentication::TwoStep(steps) => Some(&steps.lifetime),
        _ => None,
    }
}

/// When tokens that have just come, and of whose life the service said so much, end and are to be replaced.
pub(crate) fn times(service: &Service, credentials: &Credentials, said: Option<Duration>, now: i64) -> Times {
    let renewable = Renewal::of(service, credentials).is_some();
    let (expires_in, refresh_in) = match lifetime(service) {
        None => (None, None),
        Some(lifetime) => plan(lifetime, said, renewable, chance()),
    };
    let at = |duration: Duration| now.saturating_add(milliseconds(duration));
    Times { refreshed_at: now, expires_at: expires_in.map(at), refresh_at: refresh_in.map(at) }
}

/// After which time the access token ends and is to be replaced. `chance` is between 0 and 1 and spreads what would come
/// together.
fn plan(
    lifetime: &Lifetime,
    said: Option<Duration>,
    renewable: bool,
    chance: f64,
) -> (Option<Duration>, Option<Duration>) {
    let usual = || lifetime.access_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let life = match lifetime.access {
        AccessLifetime::Never => None,
        AccessLifetime::Answer | AccessLifetime::AnswerMilliseconds | AccessLifetime::Unknown => {
            said.or_else(usual)
        }
    };
    if !renewable {
        // The end is looked at, so that somebody is told.
        return (life, life);
    }
    let before_its_end = life.map(|life| {
        let margin = Duration::from_secs(lifetime.margin_seconds.into()).min(life / 2);
        let earlier = (life - margin).saturating_sub((margin / 2).mul_f64(chance));
        match lifetime.not_before_remaining_seconds {
            // Earlier would be refused.
            Some(remaining) => {
                let remaining = Duration::from_secs(remaining.into()).min(life);
                earlier.max(life - remaining + (remaining / 4).mul_f64(chance))
            }
            None => earlier,
        }
    });
    // Half of the time in which a refresh has to be seen, so that there is room for outages.
    let kept_alive = lifetime.idle_days.map(|days| {
        let idle = Duration::from_secs(u64::from(days) * 86_400);
        idle / 2 - (idle / 10).mul_f64(chance)
    });
    (life, before_its_end.into_iter().chain(kept_alive).min())
}

/// Whether a token that ends then is as good as ended: what is sent with it now has to arrive, too.
pub(crate) fn has_ended(expires_at: Option<i64>, now: i64) -> bool {
    expires_at.is_some_and(|end| end.saturating_sub(now) <= milliseconds(ALMOST_ENDED))
}

/// How long to wait after so many failures in a row, and after what the service wishes.
pub(crate) fn pause(failures: i64, wish: Option<Duration>) -> Duration {
    let doublings = u32::try_from(failures.clamp(0, 16)).unwrap_or(16);
    let longest = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    let pause = longest.mul_f64(0.5 + chance() / 2.0);
    // What the service wishes is the least.
    wish.map_or(pause, |wish| wish.min(LONGEST_WISH) + (pause / 4))
}

/// Anything from 0 to 1. Nothing secret hangs on it.
pub(crate) fn chance() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

/// Any number below this one, or 0.
pub(crate) fn below(most: usize) -> usize {
    let bits = usize::try_from(RandomState::new().hash_one(()) & 0xffff_ffff).unwrap_or_default();
    bits.checked_rem(most).unwrap_or_default()
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn both_ends(lifetime: &Lifetime, said: Option<Duration>) -> [Duration; 2] {
        [0.0, 1.0].map(|chance| plan(lifetime, said, true, chance).1.unwrap())
    }

    #[test]
    fn tokens_are_replaced_before_their_margin_and_not_much_earlier() {
        let lifetime = Lifetime { margin_seconds: 600, ..Lifetime::default() };
        let seconds = |seconds| Duration::from_secs(seconds);
        assert_eq!(both_ends(&lifetime, Some(HOUR)), [seconds(3000), seconds(2700)]);
        // A margin longer than half of the life would refresh all the time.
        assert_eq!(both_ends(&lifetime, Some(seconds(60))), [seconds(30), seconds(15)]);
    }

    #[test]
    fn a_service_that_refuses_early_refreshes_is_not_asked_early() {
        let lifetime = Lifetime { not_before_remaining_seconds: Some(60), ..Lifetime::default() };
        for refresh_in in both_ends(&lifetime, Some(HOUR)) {
            assert!(refresh_in >= Duration::from_secs(3540) && refresh_in < HOUR, "{refresh_in:?}");
        }
    }

    #[test]
    fn what_would_be_forgotten_when_idle_is_kept_alive() {
        let lifetime = Lifetime { access: AccessLifetime::Never, idle_days: Some(10), ..Lifetime::default() };
        let day = HOUR * 24;
        assert_eq!(both_ends(&lifetime, Some(HOUR)), [day * 5, day * 4]);
        assert_eq!(plan(&lifetime, Some(HOUR), true, 0.5).0, None);
    }

    #[test]
    fn without_a_refresh_token_the_end_is_what_is_looked_at() {
        assert_eq!(plan(&Lifetime::default(), Some(HOUR), false, 0.5), (Some(HOUR), Some(HOUR)));
        assert_eq!(plan(&Lifetime::default(), None, true, 0.5), (None, None));
    }

    #[test]
    fn a_token_is_sent_again_only_as_the_service_permits() {
        let renewal = |reuse| Renewal { reuse, grace: Duration::from_secs(60) };
        let later = 1_000_000_000;
        assert!(renewal(ReusePolicy::Static).may_send_again(0, later));
        assert!(renewal(ReusePolicy::UntilSuccessorUsed).may_send_again(0, later));
        assert!(renewal(ReusePolicy::Grace).may_send_again(1_000, 55_999));
        // It would not arrive in time.
        assert!(!renewal(ReusePolicy::Grace).may_send_again(1_000, 56_000));
        assert!(!renewal(ReusePolicy::SingleUse).may_send_again(0, 0));
    }

    #[test]
    fn i04_pauses_grow_differ_and_are_never_shorter_than_the_service_wishes() {
        for failures in 0..40 {
            let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
            let pauses: Vec<Duration> = (0..50).map(|_| pause(failures, None)).collect();
            assert!(pauses.iter().all(|pause| *pause >= longest / 2 && *pause <= longest));
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "they would all come together");
            let wish = Duration::from_secs(77);
            assert!(pause(failures, Some(wish)) >= wish);
        }
        assert!(pause(0, Some(Duration::MAX)) <= LONGEST_WISH + LONGEST_PAUSE);
    }
}
