//! Functions of MySQL and MariaDB: which are refused, and which are harmless.

use std::{collections::HashSet, sync::LazyLock};

use crate::{
    Reason,
    function_name::{Group, Known, group_of},
};

/// What is known of a function with this name, in lower case.
pub(crate) fn known(name: &str) -> Known {
    if let Some(known) = group_of(GROUPS, name) {
        return known;
    }
    if FAMILIES.iter().any(|family| name.starts_with(family)) {
        return Known::Refused(Reason::NotUnderstood, "it is not known to be harmless");
    }
    if BUILT_IN.contains(name) { Known::Harmless } else { Known::Unknown }
}

/// Families of well-known extensions that run programs, reach files or steer the server.
const FAMILIES: &[&str] = &[
    "asynchronous_connection_",
    "group_replication_",
    "lib_mysqludf_",
    "service_",
    "spider_",
    "sys_",
    "version_tokens_",
];

static BUILT_IN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("built_in.txt").split_ascii_whitespace().collect());

const GROUPS: &[Group] = &[
    (
        Reason::Session,
        "it takes or releases a lock that outlives the statement",
        &["get_lock", "release_all_locks", "release_lock"],
    ),
    (Reason::Server, "it reads files of the server", &["load_file"]),
    (
        Reason::Server,
        "it runs programs, or acts on the server",
        &[
            "audit_log_filter_flush",
            "audit_log_filter_set_filter",
            "audit_log_read",
            "audit_log_rotate",
            "binlog_gtid_pos",
            "do_system",
            "gen_blacklist",
            "http_get",
            "http_post",
            "http_put",
            "keyring_key_fetch",
            "keyring_key_generate",
            "keyring_key_remove",
            "keyring_key_store",
            "lua",
            "master_gtid_wait",
            "master_pos_wait",
            "mysql_firewall_flush_status",
            "mysqlx_error",
            "set_firewall_mode",
            "source_pos_wait",
            "wait_for_executed_gtid_set",
            "wait_until_sql_thread_after_gtids",
            "wsrep_sync_wait_upto_gtid",
        ],
    ),
    (Reason::ReadOnly, "it writes a sequence", &["nextval", "setval"]),
    (Reason::ReadOnly, "it can set the number of the session's last insert", &["last_insert_id"]),
];

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, GROUPS};

    #[test]
    fn groups_are_sorted_and_no_function_is_in_two() {
        for (_, why, names) in GROUPS {
            assert!(names.is_sorted(), "{why}");
            assert!(names.iter().all(|name| !BUILT_IN.contains(name)), "{why}");
        }
    }
}
