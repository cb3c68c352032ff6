//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::audit_commands::AuditCommand;
use crate::backup_command::{self, BackupArguments, RestoreArguments, StateHashArguments};
use crate::catalog_command::{self, CatalogCommand};
use crate::config::{LogFormat, LogSection, RecordedDecisions, reference};
use crate::config_path::ConfigPath;
use crate::doctor_command::{self, DoctorArguments};
use crate::drill_command::{self, DrillCommand};
use crate::explain_command::{self, ExplainArguments};
use crate::health_command::{self, HealthArguments};
use crate::keys_command::{self, KeysCommand};
use crate::migrate_command::{self, MigrateArguments};
use crate::output::print;
use crate::policy_commands::{self, PolicyCommand};
use crate::prove_command::{self, ProveCommand};
use crate::{StartError, demo, logging, open_files, process_memory, serve};

/// A control plane that stands before an organization's apps: it signs people in, decides what each may
/// open, and tells the apps who is asking.
#[derive(Parser)]
#[command(name = "vybe", version, about, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything on this machine, with demo apps and people to sign in as; listens on loopback only.
    Dev {
        /// The HTTPS port on 127.0.0.1; 0 takes a free one.
        #[arg(long, default_value_t = 8443, value_name = "PORT")]
        port: u16,
        /// The folder for database, keys, certificates and dev.json; made on the first run.
        #[arg(long, default_value = "vybe-data", value_name = "FOLDER")]
        data: PathBuf,
        /// What to log: error, warn, info, debug, or directives such as info,middleware=debug.
        #[arg(long, default_value = "info", value_name = "LEVEL")]
        log: String,
        /// Which decisions about requests for apps are kept.
        #[arg(long, default_value = "all", value_name = "WHICH")]
        decisions: RecordedDecisions,
    },
    /// Runs the platform with a configuration file.
    Serve(ConfigPath),
    /// Brings the database's schema up to date, then ends; or says whether it is.
    Migrate(MigrateArguments),
    /// Writes the whole database to one sealed file while servers run, or verifies such a file.
    Backup(BackupArguments),
    /// Fills an empty database, of either kind, from a backup.
    Restore(RestoreArguments),
    /// Prints one SHA-256 of everything in the database, the same on SQLite and PostgreSQL.
    StateHash(StateHashArguments),
    /// Looks at the configuration without starting anything.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Looks at an installation from its configuration to its keys, and says what to do. Changes nothing.
    Doctor(DoctorArguments),
    /// Asks the server of a configuration on this machine whether it is ready: for containers and scripts.
    Health(HealthArguments),
    /// Exports the audit trail and verifies exports.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Replaces keys while servers run, and says where they stand.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Says what is decided for a person and a request, and why.
    Explain(ExplainArguments),
    /// The policy of an organization as a file.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// The services that accounts can be connected at, and entries made from documents.
    Catalog {
        #[command(subcommand)]
        command: CatalogCommand,
    },
    /// Finds out from outside whether a running platform does what it declares.
    Prove {
        #[command(subcommand)]
        command: ProveCommand,
    },
    /// What has to work after a breach, done on a running platform.
    Drill {
        #[command(subcommand)]
        command: DrillCommand,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Says what is wrong with the configuration, or that nothing is.
    Check(ConfigPath),
    /// Prints the configuration with every default filled in and every secret left out.
    Print(ConfigPath),
    /// Prints a configuration to start from: every key with what it means and its default.
    Example,
    /// Prints what every key means as a page in Markdown.
    Reference,
    /// Prints the JSON schema of the configuration, for editors.
    Schema,
}

/// Does what the command line says.
///
/// # Errors
/// One line for the operator.
pub fn run() -> Result<(), StartError> {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        // Not 2, which clap would take: that is the answer of `vybe policy plan`.
        Err(error) if error.use_stderr() => return Err(StartError::Usage(Box::new(error))),
        Err(help) => return help.print().map_err(StartError::Output),
    };
    match line.command {
        Command::Dev { port, data, log, decisions } => {
            process_memory::keep_private()?;
            logging::start(&LogSection { format: LogFormat::Text, level: log })?;
            open_files::allow_all();
            runtime()?.block_on(demo::run(&data, port, decisions.into()))
        }
        Command::Serve(path) => {
            let config = path.load()?;
            if !config.server.core_dumps {
                process_memory::keep_private()?;
            }
            logging::start(&config.log)?;
            open_files::allow_all();
            runtime()?.block_on(serve::run(config))
        }
        Command::Migrate(arguments) => runtime()?.block_on(migrate_command::run(arguments)),
        Command::StateHash(arguments) => runtime()?.block_on(backup_command::state_hash(arguments)),
        // These open what is sealed, as servers do.
        Command::Backup(arguments) => {
            process_memory::keep_private()?;
            runtime()?.block_on(backup_command::backup(arguments))
        }
        Command::Restore(arguments) => {
            process_memory::keep_private()?;
            runtime()?.block_on(backup_command::restore(arguments))
        }
        Command::Doctor(arguments) => {
            process_memory::keep_private()?;
            runtime()?.block_on(doctor_command::run(arguments))
        }
        Command::Health(arguments) => health_command::run(&arguments),
        Command::Audit { command } => {
            process_memory::keep_private()?;
            command.run(runtime)
        }
        Command::Keys { command } => {
            process_memory::keep_private()?;
            runtime()?.block_on(keys_command::run(command))
        }
        Command::Explain(arguments) => runtime()?.block_on(explain_command::run(arguments)),
        Command::Policy { command } => runtime()?.block_on(policy_commands::run(command)),
        Command::Catalog { command } => runtime()?.block_on(catalog_command::run(command)),
        Command::Prove { command } => runtime()?.block_on(prove_command::run(command)),
        Command::Drill { command } => runtime()?.block_on(drill_command::run(command)),
        Command::Config { command: ConfigCommand::Check(path) } => {
            let config = path.load()?;
            serve::check(&config)?;
            if !config.sign_in.has_provider() {
                print(
                    "warning: no identity provider is configured, so nobody can sign in; see [sign_in.google]",
                )?;
            }
            print("the configuration is good")
        }
        Command::Config { command: ConfigCommand::Print(path) } => print(path.load()?.redacted()?.trim_end()),
        Command::Config { command: ConfigCommand::Example } => print(reference::example().trim_end()),
        Command::Config { command: ConfigCommand::Reference } => print(reference::page().trim_end()),
        Command::Config { command: ConfigCommand::Schema } => print(&format!("{:#}", reference::schema())),
    }
}

/// For everything but requests, which are served by the server's own worker threads.
fn runtime() -> Result<tokio::runtime::Runtime, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(StartError::Runtime)
}
