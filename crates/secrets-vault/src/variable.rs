//! Names of environment variables, and which of them nobody may set.

use crate::Kind;

/// The longest name, in characters.
const LONGEST: usize = 128;
/// Before the names of custom APIs.
const CUSTOM_API: &str = "CUSTOM_API_";

/// Names that the platform sets itself.
const PLATFORM: &[&str] = &["DATABASE_URL", "HOST", "HOSTNAME", "NEXT_PUBLIC_APP_NAME", "PORT"];
/// How such names begin.
const PLATFORM_PREFIXES: &[&str] = &["VYBE_", "NEXT_PUBLIC_VYBE_", CUSTOM_API];

/// Names with which whoever sets them decides what code an app runs, or to whom it speaks: a builder of the
/// organization could take over an app that they may not even see.
const LOADERS: &[&str] = &[
    "ALL_PROXY",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "BASH_ENV",
    "BASHOPTS",
    "BUNDLE_GEMFILE",
    "CDPATH",
    "CLASSPATH",
    "CURL_CA_BUNDLE",
    "EDITOR",
    "ENV",
    "ESBUILD_BINARY_PATH",
    "FTP_PROXY",
    "GCONV_PATH",
    "GEM_HOME",
    "GEM_PATH",
    "GLOBIGNORE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "GRPC_PROXY",
    "HOME",
    "HOSTALIASES",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LOCALDOMAIN",
    "LOCPATH",
    "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY",
    "NO_PROXY",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "PATH",
    "PGHOST",
    "PGHOSTADDR",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGSYSCONFDIR",
    "PROMPT_COMMAND",
    "PS4",
    "PUPPETEER_EXECUTABLE_PATH",
    "REQUESTS_CA_BUNDLE",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "_JAVA_OPTIONS",
];
/// How such names begin.
const LOADER_PREFIXES: &[&str] = &[
    "AWS_ENDPOINT_URL",
    "BASH_FUNC_",
    "BUN_",
    "CARGO_",
    "COREPACK_",
    "CORECLR_",
    "DENO_",
    "DOTNET_",
    "DYLD_",
    "GIT_",
    "GLIBC_",
    "GLOBAL_AGENT_",
    "LD_",
    "MALLOC_",
    "NEXT_PRIVATE_",
    "NODE_",
    "NPM_CONFIG_",
    "PERL5",
    "PERL_",
    "PIP_",
    "PNPM_",
    "PRISMA_MIGRATION_ENGINE_",
    "PRISMA_QUERY_ENGINE_",
    "PRISMA_SCHEMA_ENGINE_",
    "PYTHON",
    "RUBY",
    "TS_NODE_",
    "TURBO_",
    "XDG_",
    "YARN_",
    "__NEXT_",
];
/// What begins so and does no harm.
const HARMLESS: &[&str] = &["NODE_ENV"];

/// Why a name is not that of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Not a name.
    #[error("use 1 to 128 letters, digits and underscores, and no digit first")]
    Malformed,
    /// The platform sets it.
    #[error("the platform sets this variable itself")]
    Platform,
    /// It would decide what code runs.
    #[error("this variable decides which code an app runs or whom it speaks to, and cannot be set")]
    Loader,
    /// No variable can be named after it.
    #[error("a variable is named after it: use at least one letter A to Z or digit")]
    Unnamable,
}

/// The variable that a secret of this kind and name becomes; none, if it becomes none. Two names that give the
/// same key collide: case makes no difference.
pub fn key_of(kind: Kind, name: &str) -> Result<Option<String>, VariableError> {
    match kind {
        Kind::EnvironmentVariable => {
            check(name)?;
            Ok(Some(name.to_ascii_uppercase()))
        }
        Kind::ApiKey | Kind::BearerToken | Kind::BasicCredentials => custom_api(name).map(Some),
        _ => Ok(None),
    }
}

/// The name under which an app sees it.
pub fn visible_name(kind: Kind, name: &str, key: &str) -> String {
    if kind == Kind::EnvironmentVariable { name.to_owned() } else { key.to_owned() }
}

fn check(name: &str) -> Result<(), VariableError> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !first || !rest || name.len() > LONGEST {
        return Err(VariableError::Malformed);
    }
    let key = name.to_ascii_uppercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
    if PLATFORM.contains(&key.as_str()) || begins(PLATFORM_PREFIXES) {
        return Err(VariableError::Platform);
    }
    if HARMLESS.contains(&key.as_str()) {
        return Ok(());
    }
    if LOADERS.contains(&key.as_str()) || begins(LOADER_PREFIXES) {
        return Err(VariableError::Loader);
    }
    Ok(())
}

/// `CUSTOM_API_` and the name in upper snake case.
fn custom_api(name: &str) -> Result<String, VariableError> {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            snake.push(character.to_ascii_uppercase());
        } else if !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
    }
    let snake = snake.trim_end_matches('_');
    if snake.is_empty() { Err(VariableError::Unnamable) } else { Ok(format!("{CUSTOM_API}{snake}")) }
}
