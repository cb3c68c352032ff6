//! Functions of Redshift: which are refused, and which are harmless. Of the families that have dangerous members, a
//! member that is not listed here is refused.

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
    if HARMLESS.binary_search(&name).is_ok() {
        return Known::Harmless;
    }
    if FAMILIES.iter().any(|family| name.starts_with(family)) {
        return Known::Refused(Reason::NotUnderstood, "it is not known to be harmless");
    }
    if BUILT_IN.contains(name) { Known::Harmless } else { Known::Unknown }
}

/// Families with dangerous members.
const FAMILIES: &[&str] = &["dblink", "lo_", "pg_", "stl_", "stv_", "txid_"];

const HARMLESS: &[&str] = &[
    "pg_backend_pid",
    "pg_get_cols",
    "pg_get_grantee_by_iam_role",
    "pg_get_iam_role_by_user",
    "pg_get_late_binding_view_cols",
    "pg_get_viewdef",
    "pg_last_copy_count",
    "pg_last_copy_id",
    "pg_last_query_id",
    "pg_last_unload_count",
    "pg_last_unload_id",
    "pg_table_is_visible",
];

static BUILT_IN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("built_in.txt").split_ascii_whitespace().collect());

const GROUPS: &[Group] = &[
    (Reason::Session, "it changes the session", &["set_config"]),
    (
        Reason::Server,
        "it acts on the server or on other sessions",
        &[
            "change_query_priority",
            "change_session_priority",
            "change_user_priority",
            "pg_cancel_backend",
            "pg_terminate_backend",
            "reboot_cluster",
        ],
    ),
    (Reason::Server, "it runs text as SQL or code", &["exec_procedure", "query_to_xml", "ts_stat"]),
    (Reason::ReadOnly, "it writes a sequence", &["identity", "nextval", "setval"]),
];

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, GROUPS, HARMLESS};

    #[test]
    fn tables_are_sorted_and_no_function_is_in_two() {
        assert!(HARMLESS.is_sorted());
        for (_, why, names) in GROUPS {
            assert!(names.is_sorted(), "{why}");
            assert!(names.iter().all(|name| !BUILT_IN.contains(name)), "{why}");
        }
    }
}
