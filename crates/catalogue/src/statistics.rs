//! How many entries there are, counted so that nobody is promised more than was tried.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use time::Date;

use crate::{MonthsOld, Service, Tier};

/// Entries, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// By the tier that counts on the day: an entry that was never checked counts a tier less.
    pub tiers: BTreeMap<Tier, usize>,
    /// By the way accounts prove themselves.
    pub kinds: BTreeMap<&'static str, usize>,
    /// How many were compared with the service's own pages within a year.
    pub checked: usize,
    /// How many there are.
    pub total: usize,
}

impl Statistics {
    /// Counts them as of a day.
    pub fn of<'a>(services: impl IntoIterator<Item = &'a Service>, today: Date) -> Self {
        let mut counted = Self::default();
        for service in services {
            *counted.tiers.entry(service.tier_today(today)).or_default() += 1;
            *counted.kinds.entry(service.authentication.as_str()).or_default() += 1;
            counted.checked += usize::from(service.age(today) == MonthsOld::Fresh);
            counted.total += 1;
        }
        counted
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} services", self.total)?;
        for tier in Tier::ALL.into_iter().rev() {
            write!(formatter, " · {} {}", self.tiers.get(&tier).unwrap_or(&0), tier.as_str())?;
        }
        write!(formatter, " · {} checked", self.checked)
    }
}

/// The catalogue as a document, as of the day on which an entry was last checked: it changes with the entries only.
#[must_use]
pub fn document(services: &[&Service]) -> String {
    let today = last_checked(services);
    let statistics = Statistics::of(services.iter().copied(), today);
    let mut text = String::from(
        "# The services of the catalogue\n\n\
         Written by `cargo xtask check-catalogue --write` from `crates/catalogue/services`; a test compares.\n\n",
    );
    let _ = writeln!(text, "{statistics}, as of {today}.\n");
    text.push_str("| tier | what it means | entries |\n|---|---|---|\n");
    for (tier, meaning) in [
        (Tier::Live, "a real account was connected, refreshed and revoked"),
        (
            Tier::Fixture,
            "written after the service's documentation, and run against recorded shapes of its answers",
        ),
        (Tier::Documented, "written after the service's documentation"),
        (Tier::Imported, "read by a program, or from memory and not yet compared with the documentation"),
    ] {
        let _ = writeln!(
            text,
            "| {} | {meaning} | {} |",
            tier.as_str(),
            statistics.tiers.get(&tier).unwrap_or(&0)
        );
    }
    text.push_str(
        "\nAn entry whose facts were never compared with the service's own pages, or not for a year, counts a tier less than \
         it says: that is the tier shown here.\n\n| authentication | entries |\n|---|---|\n",
    );
    for (kind, count) in &statistics.kinds {
        let _ = writeln!(text, "| {kind} | {count} |");
    }
    text.push_str("\n| service | | authentication | tier | checked | actions |\n|---|---|---|---|---|---|\n");
    for service in services {
        let checked = service.checked.map_or_else(|| "–".to_owned(), |day| day.to_string());
        let _ = writeln!(
            text,
            "| `{}` | [{}]({}) | {} | {} | {checked} | {} |",
            service.id,
            service.name.replace('|', "/"),
            service.documentation,
            service.authentication.as_str(),
            service.tier_today(today).as_str(),
            service.actions.len()
        );
    }
    text
}

/// The counts as a small picture (SVG), as of the same day.
#[must_use]
pub fn badge(services: &[&Service]) -> String {
    let statistics = Statistics::of(services.iter().copied(), last_checked(services));
    let tiers: Vec<String> = Tier::ALL
        .into_iter()
        .rev()
        .filter_map(|tier| Some(format!("{} {}", statistics.tiers.get(&tier)?, tier.as_str())))
        .collect();
    let value = tiers.join(" · ");
    // Verdana's letters are about 6.5 wide at this size.
    let width = |text: &str| 12 + text.chars().count() * 13 / 2;
    let (left, right) = (width("services"), width(&value));
    let (all, middle_left, middle_right) = (left + right, left / 2, left + right / 2);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"20\" role=\"img\" aria-label=\"services: {value}\">\n\
         <rect width=\"{all}\" height=\"20\" rx=\"3\" fill=\"#3b5b8c\"/>\n\
         <rect width=\"{left}\" height=\"20\" rx=\"3\" fill=\"#444\"/>\n\
         <g fill=\"#fff\" font-family=\"Verdana,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\n\
         <text x=\"{middle_left}\" y=\"14\">services</text>\n\
         <text x=\"{middle_right}\" y=\"14\">{value}</text>\n\
         </g>\n</svg>\n"
    )
}

fn last_checked(services: &[&Service]) -> Date {
    services.iter().filter_map(|service| service.checked).max().unwrap_or(Date::MIN)
}
