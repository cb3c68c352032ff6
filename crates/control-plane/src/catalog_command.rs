//! `vybe catalog`: the services that the platform knows, and entries made from documents.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catalogue::{
    Answer, Answers, Import, ImportError, LARGEST_DOCUMENT, Proposal, Service, Statistics, Tier, built_in,
};
use clap::{Args, Subcommand};
use outbound::AddressPolicy;
use service_client::{ClientNetwork, ServiceClient};
use time::OffsetDateTime;
use url::Url;

use crate::StartError;
use crate::output::{counted, print};

/// How long a document may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);
/// What files of documents are called.
const ENDINGS: &[&str] = &["json", "yaml", "yml"];

#[derive(Subcommand)]
pub(crate) enum CatalogCommand {
    /// Lists the services inside the binary, with the tier that each is worth today, and counts them.
    List {
        /// Only services of this category.
        #[arg(long, value_name = "CATEGORY")]
        category: Option<String>,
        /// Only services whose accounts prove themselves so: oauth2_code, api_key, …
        #[arg(long, value_name = "KIND")]
        authentication: Option<String>,
        /// Only services that are worth this tier today.
        #[arg(long, value_name = "TIER")]
        tier: Option<String>,
    },
    /// Holds the entries inside the binary, and those of a folder, against the rules. Ends with 1 if one breaks them.
    Check {
        /// A folder of entries (TOML).
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Prints the entry (TOML) that a document becomes, or what has to be answered first. Changes nothing.
    #[command(
        after_help = "Documents: OpenAPI 2, 3.0 and 3.1, OpenID Connect discovery, metadata by RFC 8414 and RFC 9728; JSON or \
        YAML.\n\nExample:\n  vybe catalog import https://api.acme.com/openapi.json --answer authentication=bearer_token"
    )]
    Import(ImportArguments),
    /// Says for every document of some folders whether it becomes an entry by itself, with answers, or not, and counts.
    Shares {
        /// Folders of documents.
        #[arg(value_name = "FOLDER", required = true)]
        folders: Vec<PathBuf>,
    },
}

#[derive(Args)]
pub(crate) struct ImportArguments {
    /// A file, or an https URL.
    #[arg(value_name = "DOCUMENT")]
    document: String,
    /// An answer, such as base_url=https://api.acme.com; several times.
    #[arg(long = "answer", value_name = "KEY=ANSWER")]
    answers: Vec<String>,
    /// The metadata of the authorization server that the document leads to; fetched, if the document is a URL.
    #[arg(long, value_name = "FILE")]
    authorization_server: Option<PathBuf>,
    /// An entry to compare with: says what changed, breaking changes first. Ends with 1 if one is breaking.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

/// Runs one.
///
/// # Errors
/// Something breaks a rule, is refused or left open, or differs.
pub(crate) async fn run(command: CatalogCommand) -> Result<(), StartError> {
    match command {
        CatalogCommand::List { category, authentication, tier } => {
            list(category.as_deref(), authentication.as_deref(), tier.as_deref())
        }
        CatalogCommand::Check { folder } => check(folder.as_deref()),
        CatalogCommand::Import(arguments) => import(arguments).await,
        CatalogCommand::Shares { folders } => shares(&folders),
    }
}

fn list(category: Option<&str>, authentication: Option<&str>, tier: Option<&str>) -> Result<(), StartError> {
    let today = OffsetDateTime::now_utc().date();
    let every = || built_in().services();
    known("category", category, every().flat_map(|service| service.categories.iter().map(String::as_str)))?;
    known("authentication", authentication, every().map(|service| service.authentication.as_str()))?;
    known("tier", tier, Tier::ALL.into_iter().map(Tier::as_str))?;
    let wanted = |service: &&Arc<Service>| {
        category.is_none_or(|category| service.categories.iter().any(|known| known == category))
            && authentication.is_none_or(|kind| service.authentication.as_str() == kind)
            && tier.is_none_or(|tier| service.tier_today(today).as_str() == tier)
    };
    let found: Vec<&Arc<Service>> = built_in().services().filter(wanted).collect();
    for service in &found {
        let checked =
            service.checked.map_or_else(|| "never checked".to_owned(), |day| format!("checked {day}"));
        print(&format!(
            "{:<28} {:<26} {:<11} {checked}",
            service.id.as_str(),
            service.authentication.as_str(),
            service.tier_today(today).as_str(),
        ))?;
    }
    print(&Statistics::of(found.into_iter().map(|service| &**service), today).to_string())
}

/// Refuses a word that would find nothing because nobody says it.
fn known<'a>(what: &str, word: Option<&str>, words: impl Iterator<Item = &'a str>) -> Result<(), StartError> {
    let words: BTreeSet<&str> = words.collect();
    match word {
        Some(word) if !words.contains(word) => {
            let words: Vec<&str> = words.into_iter().collect();
            Err(StartError::Catalogue(format!("{word} is no {what}: one of {}", words.join(", "))))
        }
        _ => Ok(()),
    }
}

fn check(folder: Option<&Path>) -> Result<(), StartError> {
    let mut broken: Vec<String> =
        built_in().broken().iter().map(|(file, error)| format!("{file}: {error}")).collect();
    let mut read = built_in().services().count() + broken.len();
    for path in folder.map(|folder| files(folder, &["toml"])).transpose()?.unwrap_or_default() {
        read += 1;
        if let Err(error) = Service::parse(&text(&path)?) {
            broken.push(format!("{}: {error}", path.display()));
        }
    }
    for line in &broken {
        print(line.trim_end())?;
    }
    print(&format!("{read} entries, {} broken", broken.len()))?;
    if broken.is_empty() { Ok(()) } else { Err(StartError::Failures(broken.len())) }
}

async fn import(arguments: ImportArguments) -> Result<(), StartError> {
    let answers = answers(&arguments.answers)?;
    let url = arguments.document.starts_with("https://").then(|| Url::parse(&arguments.document));
    let url =
        url.transpose().map_err(|error| StartError::Catalogue(format!("{}: {error}", arguments.document)))?;
    let document = match &url {
        Some(url) => fetch(url).await?,
        None => text(Path::new(&arguments.document))?,
    };
    let server = arguments.authorization_server.as_deref().map(text).transpose()?.map(|text| (text, None));
    let propose = |server: Option<&(String, Option<Url>)>| {
        Import {
            document: &document,
            fetched_from: url.as_ref(),
            authorization_server: server.map(|(text, place)| (text.as_str(), place.as_ref())),
            answers: &answers,
        }
        .propose()
        .map_err(refused)
    };
    let mut proposal = propose(server.as_ref())?;
    if server.is_none() && url.is_some() {
        let places: Vec<Url> =
            proposal.questions.iter().flat_map(|question| question.documents.clone()).collect();
        for place in places {
            if let Ok(text) = fetch(&place).await {
                proposal = propose(Some(&(text, Some(place))))?;
                break;
            }
        }
    }
    let Proposal { format, service, questions, notes } = proposal;
    print(&format!("# {format}"))?;
    for note in notes {
        print(&format!("# {note}"))?;
    }
    let Some(service) = service else {
        for question in &questions {
            let mut line = format!("--answer {}=…  {}", question.key, question.text);
            if !question.choices.is_empty() {
                let _ = write!(line, " One of: {}.", question.choices.join(", "));
            }
            if let Some(suggestion) = &question.suggestion {
                let _ = write!(line, " Probably {suggestion}.");
            }
            for place in &question.documents {
                let _ = write!(line, "\n    {place} (--authorization-server FILE)");
            }
            print(&line)?;
        }
        return Err(StartError::Catalogue(format!(
            "{} to answer first",
            counted(questions.len(), "question")
        )));
    };
    let Some(known) = arguments.compare else {
        let entry = toml::to_string(&service).map_err(|error| StartError::Catalogue(error.to_string()))?;
        return print(entry.trim_end());
    };
    let before = Service::parse(&text(&known)?)
        .map_err(|error| StartError::Catalogue(format!("{}: {error}", known.display())))?;
    let changes = before.changes(&service);
    for change in &changes {
        print(&format!("{} {}", if change.is_breaking { "breaking:" } else { "         " }, change.text))?;
    }
    let breaking = changes.iter().filter(|change| change.is_breaking).count();
    print(&format!("{}, {breaking} breaking", counted(changes.len(), "change")))?;
    if breaking == 0 { Ok(()) } else { Err(StartError::Differences(breaking)) }
}

/// What became of documents.
#[derive(Default)]
struct Shares {
    clean: usize,
    one_answer: usize,
    several_answers: usize,
    refused: usize,
}

fn shares(folders: &[PathBuf]) -> Result<(), StartError> {
    let mut shares = Shares::default();
    for folder in folders {
        for path in files(folder, ENDINGS)? {
            let document = text(&path)?;
            let answers = Answers::new();
            let import = Import {
                document: &document,
                fetched_from: None,
                authorization_server: None,
                answers: &answers,
            };
            let outcome = shares.count(import.propose());
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            print(&format!("{name:<44} {outcome}"))?;
        }
    }
    print(&shares.to_string())
}

impl Shares {
    fn count(&mut self, outcome: Result<Proposal, ImportError>) -> String {
        match outcome {
            Err(error) => {
                self.refused += 1;
                format!("refused: {error}")
            }
            Ok(Proposal { format, service: Some(service), .. }) => {
                self.clean += 1;
                let (kind, actions) =
                    (service.authentication.as_str(), counted(service.actions.len(), "action"));
                format!("clean: {format}, {kind}, {actions}")
            }
            Ok(Proposal { format, questions, .. }) => {
                match questions.len() {
                    1 => self.one_answer += 1,
                    _ => self.several_answers += 1,
                }
                let keys: Vec<&str> = questions.iter().map(|question| question.key.as_str()).collect();
                format!("asks {}: {format}", keys.join(" and "))
            }
        }
    }
}

impl std::fmt::Display for Shares {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { clean, one_answer, several_answers, refused } = self;
        let total = clean + one_answer + several_answers + refused;
        let share = |count: &usize| format!("{count} ({} %)", (100 * count + total / 2) / total.max(1));
        write!(
            formatter,
            "{}: clean {}, needs one answer {}, needs several {}, refused {}",
            counted(total, "document"),
            share(clean),
            share(one_answer),
            share(several_answers),
            share(refused)
        )
    }
}

fn answers(given: &[String]) -> Result<Answers, StartError> {
    let read = |answer: &String| {
        let (key, text) = answer.split_once('=')?;
        Some((key.parse::<Answer>().ok()?, text.to_owned()))
    };
    given
        .iter()
        .map(|answer| {
            read(answer).ok_or_else(|| {
                let keys: Vec<&str> = Answer::ALL.iter().map(|key| key.as_str()).collect();
                StartError::Catalogue(format!(
                    "{answer}: an answer is KEY=ANSWER, with KEY one of {}",
                    keys.join(", ")
                ))
            })
        })
        .collect()
}

async fn fetch(url: &Url) -> Result<String, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Catalogue(format!("{url}: {error}"));
    let network = ClientNetwork {
        addresses: Arc::new(AddressPolicy::new(Vec::new())),
        roots: Vec::new(),
        resolve: Vec::new(),
        patience: PATIENCE,
    };
    let client = ServiceClient::new(network).map_err(|error| failed(&error))?;
    let bytes = client.fetch(url, LARGEST_DOCUMENT).await.map_err(|error| failed(&error))?;
    String::from_utf8(bytes.into()).map_err(|error| failed(&error))
}

fn refused(error: ImportError) -> StartError {
    StartError::Catalogue(error.to_string())
}

fn files(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, StartError> {
    let failed = |source| StartError::File { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_file() && endings.contains(&ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn text(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|source| StartError::File { path: path.to_owned(), source })
}
