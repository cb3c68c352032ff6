//! What a service manager hands over and hears, how a load balancer learns that a server is about to stop, and
//! `vybe health`.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_support::{RawConnection, Response};

use crate::starting::{Served, Setting, check_failure};

/// The program of systemd that does what PID 1 does for a socket unit.
fn activated(setting: &Setting, names: &str, ports: &[u16]) -> Child {
    let mut command = Command::new("systemd-socket-activate");
    for port in ports {
        command.arg(format!("--listen=127.0.0.1:{port}"));
    }
    command
        .arg(format!("--fdname={names}"))
        .args([env!("CARGO_BIN_EXE_vybe"), "serve", "--config"])
        .arg(setting.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("systemd-socket-activate, of Debian's package systemd")
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Connects until somebody listens.
async fn connected(port: u16) {
    let until = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < until, "nobody listens on {port}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn terminate(process: u32) {
    assert!(Command::new("kill").args(["-TERM", &process.to_string()]).status().unwrap().success());
}

async fn ask(connection: &mut RawConnection, path: &str, host: &str) -> Response {
    connection.exchange(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await.unwrap()
}

#[test]
fn sockets_of_the_service_manager_are_served_in_place_of_the_configured_ones() {
    let setting = Setting::new();
    let ports = [free_port(), free_port()];
    let mut process = activated(&setting, "admin:https", &ports);
    test_support::run(async {
        // The first connection starts it, and is served, as is whoever comes before it is ready.
        connected(ports[0]).await;
        let mut admin = RawConnection::plain(([127, 0, 0, 1], ports[0]).into()).await.unwrap();
        assert!(ask(&mut admin, "/readyz", "admin").await.text().contains("ready"));
        let address = ([127, 0, 0, 1], ports[1]).into();
        let mut https = RawConnection::open(address, "vybe.test", &setting.trust).await.unwrap();
        assert_eq!(ask(&mut https, "/login", "vybe.test").await.status, 200);
    });
    terminate(process.id());
    assert!(process.wait().unwrap().success());
}

#[test]
fn a_socket_that_no_key_of_the_configuration_has_the_name_of_is_refused() {
    let setting = Setting::new();
    for (names, words) in [("vybe.socket", "FileDescriptorName="), ("https:https", "handed over twice")] {
        let ports = [free_port(), free_port()];
        let ports = &ports[..names.split(':').count()];
        let process = activated(&setting, names, ports);
        test_support::run(connected(ports[0]));
        let output = process.wait_with_output().unwrap();
        check_failure(&output, &["socket activation", words]);
    }
}

#[test]
fn the_service_manager_hears_of_readiness_life_and_the_end() {
    let mut setting = Setting::new();
    setting.config = format!("{}[server]\nnotice = \"1s\"\n", setting.config);
    let path = setting.folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let hear = |words: &str| {
        let mut buffer = [0; 256];
        loop {
            let length = manager.recv(&mut buffer).unwrap_or_else(|error| panic!("no {words}: {error}"));
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == words) {
                return;
            }
        }
    };
    let served = Served::start_with(
        &setting,
        &[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")],
    );
    for words in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        hear(words);
    }
    terminate(served.process_id());
    hear("STOPPING=1");
    // Until the end.
    hear("WATCHDOG=1");
    served.ended();
}

#[test]
fn a_server_that_is_about_to_stop_says_so_and_serves_until_the_notice_is_over() {
    let mut setting = Setting::new();
    setting.config = format!("{}[server]\nnotice = \"2s\"\n", setting.config);
    let served = Served::start(&setting);
    let (https, admin) = (served.address("https"), served.address("admin"));
    test_support::run(async {
        let connect = || RawConnection::open(https, "vybe.test", &setting.trust);
        let mut kept = connect().await.unwrap();
        let before = ask(&mut kept, "/login", "vybe.test").await;
        assert_eq!((before.status, before.header("connection")), (200, None));
        let mut balancer = RawConnection::plain(admin).await.unwrap();
        assert_eq!(ask(&mut balancer, "/readyz", "admin").await.status, 200);

        terminate(served.process_id());
        let until = Instant::now() + Duration::from_secs(1);
        loop {
            let mut balancer = RawConnection::plain(admin).await.unwrap();
            let answer = ask(&mut balancer, "/readyz", "admin").await;
            if answer.status == 503 {
                assert!(answer.text().contains("stopping"), "{}", answer.text());
                break;
            }
            assert!(Instant::now() < until, "it goes on being ready");
        }
        // Kept connections are served once more, new ones too, and all of them end with the answer.
        for mut connection in [kept, connect().await.unwrap()] {
            let answer = ask(&mut connection, "/login", "vybe.test").await;
            assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        }
    });
    served.ended();
}

#[test]
fn a_second_signal_ends_the_notice() {
    let mut setting = Setting::new();
    setting.config = format!("{}[server]\nnotice = \"10m\"\n", setting.config);
    let mut served = Served::start(&setting);
    terminate(served.process_id());
    served.wait_for("everybody is still served");
    terminate(served.process_id());
    served.ended();
}

#[test]
fn health_is_an_exit_code() {
    let mut setting = Setting::new();
    setting.config =
        setting.config.replace("admin = \"127.0.0.1:0\"", &format!("admin = \"0.0.0.0:{}\"", free_port()));
    check_failure(&setting.run(&["health"]), &["/readyz", "no answer"]);
    let served = Served::start(&setting);
    for (arguments, word) in [(&["health"][..], "ready"), (&["health", "--live"], "live")] {
        let output = setting.run(arguments);
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(word), "{output:?}");
    }
    served.stop();
    setting.config =
        setting.config.lines().filter(|line| !line.starts_with("admin")).collect::<Vec<_>>().join("\n");
    check_failure(&setting.run(&["health"]), &["listen.admin"]);
}
