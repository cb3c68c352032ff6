//! `vybe migrate`, and what a start makes of the schema that it finds.

use migrations::Standing;
use sea_orm::DatabaseConnection;

use crate::StartError;
use crate::config::reveal;
use crate::config_path::ConfigPath;
use crate::output::{counted, print};

#[derive(clap::Args)]
#[command(
    after_help = "--check ends with 0 if the schema is up to date, with 2 if migrations are pending, with 3 if it is of a \
    newer release beside which this one may run, with 4 if this one may not, and with 1 if that cannot be found out."
)]
pub(crate) struct MigrateArguments {
    #[command(flatten)]
    config: ConfigPath,
    /// Changes nothing, and says what there is to do.
    #[arg(long)]
    check: bool,
}

/// Brings the schema up to date, or says how it stands.
///
/// # Errors
/// It cannot be; with --check, also when it is not up to date.
pub(crate) async fn run(arguments: MigrateArguments) -> Result<(), StartError> {
    let config = arguments.config.load()?;
    let url = reveal("database.url", &config.database.url)?;
    if !arguments.check {
        let applied = bring_up_to_date(&migrations::connect(&url).await?).await?;
        return print(&format!("the database is up to date; {} applied", counted(applied, "migration")));
    }
    // Connecting would make the file.
    let standing = if migrations::is_there(&url) {
        migrations::standing(&migrations::connect(&url).await?).await.map_err(StartError::store)?
    } else {
        Standing::Behind(migrations::known())
    };
    match standing {
        Standing::Current => print("the database is up to date"),
        other => Err(StartError::Schema(other)),
    }
}

/// What [`migrations::migrate`] does; a schema of a newer release is logged.
pub(crate) async fn bring_up_to_date(database: &DatabaseConnection) -> Result<usize, StartError> {
    let applied =
        migrations::migrate(database).await.map_err(|error| StartError::Migration(error.to_string()))?;
    if let Ok(Standing::Newer(unknown)) = migrations::standing(database).await {
        tracing::warn!(
            migrations = unknown.join(", "),
            "the schema is of a newer release, which permits this one to run beside it"
        );
    }
    Ok(applied)
}
