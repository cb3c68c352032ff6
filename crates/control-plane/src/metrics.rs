//! Numbers for an operator's monitoring (Prometheus text format). No person, app or organization is
//! named in them.

use std::sync::Arc;
use std::time::Duration;

use access_control::{Action as _, SignIn};
use async_trait::async_trait;
use audit::{Event, Follower, Heads, News, RefusalCounters, Target};
use audit_trail::Deliveries;
use decisions::Recorder;
use directory::Directory;
use endpoint::{Answered, Answerer, Load, RateLimits};
use identity::Sessions;
use integrations::{RefreshCounters, RefreshStep};
use middleware::Counters;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use sea_orm::{DatabaseConnection, DbBackend};

/// The registry, and what is read when it is asked for.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    changes: IntCounterVec,
    sign_ins: IntCounter,
    app_requests: IntCounterVec,
    refusals: IntCounterVec,
    rate_limited: IntCounterVec,
    shed: IntCounterVec,
    connections_open: IntGauge,
    requests_waiting: IntGauge,
    request_times: RequestTimes,
    database_connections: IntGaugeVec,
    open_files: IntGauge,
    decisions_unrecorded: IntCounterVec,
    audit_broken: IntGauge,
    audit_delivered: IntCounterVec,
    audit_delivery_failures: IntCounterVec,
    refreshes: IntCounterVec,
    sessions_in_memory: IntGauge,
    policy_version: IntGauge,
    revocations: Histogram,
    resident_memory: IntGauge,
    sources: Arc<Sources>,
}

pub(crate) struct Sources {
    pub(crate) app_requests: Arc<Counters>,
    pub(crate) refusals: Arc<RefusalCounters>,
    pub(crate) rate_limits: Arc<RateLimits>,
    pub(crate) load: Arc<Load>,
    pub(crate) decisions: Recorder,
    pub(crate) heads: Arc<Heads>,
    pub(crate) deliveries: Vec<(&'static str, Arc<Deliveries>)>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) refreshes: Arc<RefreshCounters>,
    pub(crate) directory: Directory,
    pub(crate) database: DatabaseConnection,
}

impl Metrics {
    pub(crate) fn new(sources: Sources) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            registry: Registry::new_custom(Some("vybe".to_owned()), None)?,
            changes: counters("changes_total", "Audited changes by action", "action")?,
            sign_ins: IntCounter::new("sign_ins_total", "Completed sign-ins")?,
            app_requests: counters(
                "app_requests_total",
                "Requests for app hosts by what became of them",
                "outcome",
            )?,
            refusals: counters("refusals_total", "Refused calls by what became of their record", "record")?,
            rate_limited: counters(
                "rate_limited_total",
                "Requests and connections refused because there were too many of one client, by what is counted",
                "allowance",
            )?,
            shed: counters(
                "shed_total",
                "Connections and requests turned away because there were too many at once",
                "what",
            )?,
            connections_open: IntGauge::new("connections_open", "Connections of clients")?,
            requests_waiting: IntGauge::new("requests_waiting", "Requests that have no answer yet")?,
            request_times: RequestTimes::new()?,
            database_connections: gauges(
                "database_connections",
                "Connections to the store by what they do",
                "state",
            )?,
            open_files: IntGauge::new("open_files", "Files and sockets that the process has open")?,
            decisions_unrecorded: counters(
                "decisions_unrecorded",
                "Decisions that were made and not kept, because the store was too slow or away",
                "outcome",
            )?,
            audit_broken: IntGauge::new(
                "audit_broken",
                "Chains of the audit trail that are not what was signed; anything but 0 is an emergency",
            )?,
            audit_delivered: counters(
                "audit_delivered_total",
                "Audit records that a receiver has",
                "receiver",
            )?,
            audit_delivery_failures: counters(
                "audit_delivery_failures_total",
                "Deliveries of audit records that failed and are sent again",
                "receiver",
            )?,
            refreshes: counters(
                "account_refreshes_total",
                "Refreshes of accounts' tokens by how far they have come",
                "step",
            )?,
            sessions_in_memory: IntGauge::new("sessions_in_memory", "Sessions that need no query")?,
            policy_version: IntGauge::new("policy_version", "Grows with every change of the facts")?,
            revocations: Histogram::with_opts(
                HistogramOpts::new(
                    "revocation_seconds",
                    "From the commit of a change, by whatever process, until this one decides by it",
                )
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0]),
            )?,
            resident_memory: IntGauge::new("resident_memory_bytes", "Memory of the process")?,
            sources: Arc::new(sources),
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.changes.clone()))?;
        registry.register(Box::new(metrics.sign_ins.clone()))?;
        registry.register(Box::new(metrics.app_requests.clone()))?;
        registry.register(Box::new(metrics.refusals.clone()))?;
        registry.register(Box::new(metrics.rate_limited.clone()))?;
        registry.register(Box::new(metrics.shed.clone()))?;
        registry.register(Box::new(metrics.connections_open.clone()))?;
        registry.register(Box::new(metrics.requests_waiting.clone()))?;
        registry.register(Box::new(metrics.request_times.histogram.clone()))?;
        registry.register(Box::new(metrics.database_connections.clone()))?;
        registry.register(Box::new(metrics.open_files.clone()))?;
        registry.register(Box::new(process()?))?;
        registry.register(Box::new(build()?))?;
        registry.register(Box::new(metrics.decisions_unrecorded.clone()))?;
        registry.register(Box::new(metrics.audit_broken.clone()))?;
        registry.register(Box::new(metrics.audit_delivered.clone()))?;
        registry.register(Box::new(metrics.audit_delivery_failures.clone()))?;
        registry.register(Box::new(metrics.refreshes.clone()))?;
        registry.register(Box::new(metrics.sessions_in_memory.clone()))?;
        registry.register(Box::new(metrics.policy_version.clone()))?;
        registry.register(Box::new(metrics.revocations.clone()))?;
        registry.register(Box::new(metrics.resident_memory.clone()))?;
        Ok(metrics)
    }

    /// Where to say how long announcements took.
    pub(crate) fn revocations(&self) -> impl Fn(Duration) + Send + Sync + 'static {
        let histogram = self.revocations.clone();
        move |took| histogram.observe(took.as_secs_f64())
    }

    /// Where to say how long requests took.
    pub(crate) fn request_times(&self) -> RequestTimes {
        self.request_times.clone()
    }

    pub(crate) fn render(&self) -> Result<String, prometheus::Error> {
        for (outcome, _, value) in self.sources.app_requests.readings() {
            let counter = self.app_requests.with_label_values(&[outcome]);
            counter.inc_by(value.saturating_sub(counter.get()));
        }
        for (record, value) in self.sources.refusals.readings() {
            let counter = self.refusals.with_label_values(&[record]);
            counter.inc_by(value.saturating_sub(counter.get()));
        }
        for (allowance, value) in self.sources.rate_limits.refused() {
            let counter = self.rate_limited.with_label_values(&[allowance]);
            counter.inc_by(value.saturating_sub(counter.get()));
        }
        for (what, value) in self.sources.load.shed() {
            let counter = self.shed.with_label_values(&[what]);
            counter.inc_by(value.saturating_sub(counter.get()));
        }
        self.connections_open.set(gauge(self.sources.load.connections() as u64));
        self.requests_waiting.set(gauge(self.sources.load.requests() as u64));
        let unrecorded = self.sources.decisions.unrecorded();
        for (outcome, value) in [("allowed", unrecorded.allowed), ("refused", unrecorded.refused)] {
            let counter = self.decisions_unrecorded.with_label_values(&[outcome]);
            counter.inc_by(value.saturating_sub(counter.get()));
        }
        for (receiver, deliveries) in &self.sources.deliveries {
            let readings = [
                (&self.audit_delivered, deliveries.delivered()),
                (&self.audit_delivery_failures, deliveries.failed()),
            ];
            for (counters, value) in readings {
                let counter = counters.with_label_values(&[*receiver]);
                counter.inc_by(value.saturating_sub(counter.get()));
            }
        }
        for step in RefreshStep::ALL {
            let counter = self.refreshes.with_label_values(&[step.as_str()]);
            counter.inc_by(self.sources.refreshes.count(step).saturating_sub(counter.get()));
        }
        let (all, idle) = pool(&self.sources.database);
        for (state, value) in [("idle", idle), ("in_use", all.saturating_sub(idle))] {
            self.database_connections.with_label_values(&[state]).set(gauge(value));
        }
        self.open_files.set(gauge(open_files().unwrap_or_default()));
        self.audit_broken.set(gauge(self.sources.heads.broken() as u64));
        self.sessions_in_memory.set(gauge(self.sources.sessions.in_memory() as u64));
        self.policy_version.set(gauge(self.sources.directory.version()));
        self.resident_memory.set(gauge(resident_memory().unwrap_or_default()));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[async_trait]
impl Follower for Metrics {
    async fn committed(&self, event: &Event) {
        if event.action == SignIn::NAME && matches!(event.target, Target::Session(_)) {
            self.sign_ins.inc();
        }
        self.changes.with_label_values(&[event.action]).inc();
    }

    /// Every process counts what it did itself.
    async fn announced(&self, _: News<'_>) {}
}

/// How long requests took, by who answered and the class of the status.
#[derive(Clone)]
pub(crate) struct RequestTimes {
    histogram: HistogramVec,
}

impl RequestTimes {
    fn new() -> Result<Self, prometheus::Error> {
        let options = HistogramOpts::new(
            "request_seconds",
            "From the head of a request to the head of its answer, by who answered and the class of the status",
        )
        .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);
        let histogram = HistogramVec::new(options, &["answerer", "status"])?;
        // All there can be are there from the beginning, so that nothing a client does makes one.
        for answerer in Answerer::ALL {
            for class in STATUS_CLASSES {
                histogram.with_label_values(&[answerer.as_str(), class]);
            }
        }
        Ok(Self { histogram })
    }

    pub(crate) fn observe(&self, answered: &Answered) {
        let class = usize::from(answered.status / 100).checked_sub(1);
        let class = class.and_then(|class| STATUS_CLASSES.get(class)).copied().unwrap_or("5xx");
        let labels = [answered.by.as_str(), class];
        self.histogram.with_label_values(&labels).observe(answered.took.as_secs_f64());
    }
}

/// Classes of statuses (RFC 9110, 15).
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// When the process started.
fn process() -> Result<IntGauge, prometheus::Error> {
    let gauge_of = IntGauge::new("started_seconds", "When the process started, in seconds since 1970")?;
    gauge_of.set(time::OffsetDateTime::now_utc().unix_timestamp());
    Ok(gauge_of)
}

/// Always 1; what it is about is in the label.
fn build() -> Result<IntGaugeVec, prometheus::Error> {
    let info = gauges("build_info", "The release that runs", "version")?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    Ok(info)
}

/// How many connections the store's pool has, and how many of them are idle.
fn pool(database: &DatabaseConnection) -> (u64, u64) {
    let (all, idle) = match database.get_database_backend() {
        DbBackend::Postgres => {
            let pool = database.get_postgres_connection_pool();
            (pool.size(), pool.num_idle())
        }
        DbBackend::Sqlite => {
            let pool = database.get_sqlite_connection_pool();
            (pool.size(), pool.num_idle())
        }
        _ => (0, 0),
    };
    (u64::from(all), idle as u64)
}

fn open_files() -> Option<u64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

fn counters(name: &str, help: &str, label: &str) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), &[label])
}

fn gauges(name: &str, help: &str, label: &str) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(name, help), &[label])
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The second number of `/proc/self/statm` is in pages (proc_pid_statm(5)), which have 4 KiB here.
fn resident_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}
