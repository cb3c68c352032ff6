//! An identity provider that accepts connections and never says anything.

use std::net::SocketAddr;

use tokio::net::TcpListener;

/// One that listens until the process ends.
pub struct SilentProvider {
    address: SocketAddr,
}

impl SilentProvider {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        Self { address }
    }

    /// What the configuration says of it.
    pub fn configuration(&self) -> String {
        format!(
            "[sign_in.provider.silent]\nname = \"Silent\"\nissuer = \"https://{}\"\nclient_id = \"x\"\n\
             client_secret = \"y\"\n",
            self.address
        )
    }
}
