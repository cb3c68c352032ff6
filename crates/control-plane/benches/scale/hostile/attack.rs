//! The kinds of hostile clients.

/// One kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Attack {
    /// Connections that never finish a TLS handshake
    Handshakes,
    /// Heads that come a byte a second (slow-loris)
    SlowHeads,
    /// Bodies that come a byte a second, for the app and for the API
    SlowBodies,
    /// Answers of 1 GB that nobody reads
    SlowReaders,
    /// A body of 10 GB, and very many that only say so
    HugeBodies,
    /// Heads too large in every way
    HeaderBombs,
    /// Requests with more than one reading
    Malformed,
    /// WebSockets with messages without end, frames of 1 GB and floods of pings
    WebSockets,
    /// Tokens and secrets that nobody issued, as fast as they are answered
    WrongSecrets,
    /// Requests without a session, as fast as they are answered
    Strangers,
    /// Sign-ins at a provider that never answers
    SlowProvider,
}

impl Attack {
    /// For the table.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Handshakes => "5,000 handshakes that never end",
            Self::SlowHeads => "5,000 heads, a byte a second",
            Self::SlowBodies => "1,000 bodies, a byte a second",
            Self::SlowReaders => "2,000 answers of 1 GB that nobody reads",
            Self::HugeBodies => "a body of 10 GB, and some that say so",
            Self::HeaderBombs => "header bombs",
            Self::Malformed => "malformed requests",
            Self::WebSockets => "WebSockets without end",
            Self::WrongSecrets => "wrong tokens and secrets",
            Self::Strangers => "requests without a session",
            Self::SlowProvider => "sign-ins at a silent provider",
        }
    }

    /// How many clients.
    pub const fn clients(self) -> usize {
        match self {
            Self::Handshakes | Self::SlowHeads => 5_000,
            Self::SlowBodies => 1_000,
            Self::SlowReaders => 2_000,
            Self::WebSockets => 96,
            Self::SlowProvider => 256,
            Self::HugeBodies | Self::HeaderBombs | Self::Malformed | Self::WrongSecrets | Self::Strangers => {
                32
            }
        }
    }

    /// How many addresses they have together.
    pub const fn addresses(self) -> usize {
        match self {
            Self::Handshakes | Self::SlowHeads => 100,
            Self::SlowBodies | Self::SlowReaders => 50,
            _ => 4,
        }
    }

    /// By how many MiB memory may grow.
    pub const fn most_memory(self) -> f64 {
        match self {
            Self::SlowReaders => 512.0,
            _ => 256.0,
        }
    }
}
