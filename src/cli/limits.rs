//! What the system lets this process have, looked at before a run needs it: a connection that cannot be opened at three in the
//! morning is found out at the start.

use crate::site::Site;

/// Files beside the connections: journal, store, page, logs, the runtime's own.
const BESIDE: usize = 64;

/// A remark where the system lets this process open fewer files than the site has devices, and what to do. On systems that do
/// not say, nothing.
pub(super) fn files_remark(site: &Site) -> Option<String> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    remark(site.devices.len(), soft_limit(&limits)?)
}

fn remark(devices: usize, limit: usize) -> Option<String> {
    let wanted = devices.saturating_add(BESIDE);
    (limit < wanted).then(|| {
        format!(
            "{devices} devices want {wanted} open files and the system allows {limit}: some will never be reached; \
             raise it before the start (`ulimit -n {}`, or LimitNOFILE= of the service)",
            wanted.next_power_of_two()
        )
    })
}

/// The soft limit on open files in the text of `/proc/self/limits`.
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_open_files_are_told_before_the_run_with_what_to_do() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 1048576              files     \n";
        assert_eq!(soft_limit(limits), Some(1_024));
        assert_eq!(soft_limit("Max open files            unlimited            unlimited            files"), None);
        assert_eq!(remark(900, 1_024), None);
        let told = remark(1_003, 1_024).unwrap();
        assert!(told.contains("1003 devices want 1067") && told.contains("ulimit -n 2048"), "{told}");
    }
}
