//! Policies of a DestinationRule.

use outrigger_api::{
    ClientTls, ClientTlsMode, ConnectionPool, HttpSettings, LoadBalancerSettings, LocalityLbSetting,
    OutlierDetection, PortTrafficPolicy, TcpSettings, TrafficPolicy, ZoneAwareLbSetting,
};

use super::findings::Findings;

pub(super) fn look(policy: &TrafficPolicy, path: &str, findings: &mut Findings) {
    let TrafficPolicy {
        load_balancer,
        connection_pool,
        outlier_detection,
        tls,
        port_level_settings,
        tunnel,
        proxy_protocol,
        retry_budget,
    } = policy;
    blocks(load_balancer, connection_pool, outlier_detection, tls, path, findings);
    for (i, settings) in port_level_settings.iter().enumerate() {
        let PortTrafficPolicy { port: _, load_balancer, connection_pool, outlier_detection, tls } = settings;
        let path = format!("{path}.portLevelSettings[{i}]");
        blocks(load_balancer, connection_pool, outlier_detection, tls, &path, findings);
    }
    findings.ignored(format!("{path}.tunnel"), tunnel.is_some(), "endpoints are connected to directly");
    findings.ignored(format!("{path}.proxyProtocol"), proxy_protocol.is_some(), "the header is not sent");
    findings.ignored(
        format!("{path}.retryBudget"),
        retry_budget.is_some(),
        "connectionPool.http.maxRetries limits retries",
    );
}

/// What a policy and the settings of a port have in common.
fn blocks(
    load_balancer: &Option<LoadBalancerSettings>,
    connection_pool: &Option<ConnectionPool>,
    outlier_detection: &Option<OutlierDetection>,
    tls: &Option<ClientTls>,
    path: &str,
    findings: &mut Findings,
) {
    if let Some(settings) = load_balancer {
        self::load_balancer(settings, &format!("{path}.loadBalancer"), findings);
    }
    if let Some(pool) = connection_pool {
        self::connection_pool(pool, &format!("{path}.connectionPool"), findings);
    }
    findings.ignored(
        format!("{path}.outlierDetection"),
        outlier_detection.is_some(),
        "failing endpoints keep their share",
    );
    if let Some(tls) = tls {
        client_tls(tls, &format!("{path}.tls"), findings);
    }
}

fn load_balancer(settings: &LoadBalancerSettings, path: &str, findings: &mut Findings) {
    let LoadBalancerSettings {
        simple: _,
        consistent_hash,
        backend_utilization,
        locality_lb_setting,
        zone_aware_lb_setting,
        warmup_duration_secs,
        warmup,
    } = settings;
    let least_busy = "the less busy of two endpoints is taken";
    findings.ignored(format!("{path}.consistentHash"), consistent_hash.is_some(), least_busy);
    findings.ignored(format!("{path}.backendUtilization"), backend_utilization.is_some(), least_busy);
    let any_place = "endpoints of all places share the traffic by weight";
    // What is switched off needs no action.
    let locality = locality_lb_setting.as_ref().is_some_and(|setting| {
        let LocalityLbSetting { distribute: _, failover: _, failover_priority: _, enabled } = setting;
        *enabled != Some(false)
    });
    findings.ignored(format!("{path}.localityLbSetting"), locality, any_place);
    let zone = zone_aware_lb_setting.as_ref().is_some_and(|setting| {
        let ZoneAwareLbSetting { enabled, failover: _, failover_priority: _, min_cluster_size: _ } = setting;
        *enabled != Some(false)
    });
    findings.ignored(format!("{path}.zoneAwareLbSetting"), zone, any_place);
    let at_once = "new endpoints get their share at once";
    findings.ignored(format!("{path}.warmupDurationSecs"), warmup_duration_secs.is_some(), at_once);
    findings.ignored(format!("{path}.warmup"), warmup.is_some(), at_once);
}

fn connection_pool(pool: &ConnectionPool, path: &str, findings: &mut Findings) {
    let ConnectionPool { tcp, http } = pool;
    if let Some(TcpSettings {
        max_connections: _,
        connect_timeout: _,
        tcp_keepalive: _,
        max_connection_duration: _,
        idle_timeout: _,
    }) = tcp
    {}
    if let Some(HttpSettings {
        http1_max_pending_requests: _,
        http2_max_requests: _,
        max_requests_per_connection: _,
        max_retries: _,
        idle_timeout: _,
        h2_upgrade_policy: _,
        use_client_protocol: _,
        max_concurrent_streams: _,
        http2_keep_alive,
    }) = http
    {
        findings.ignored(
            format!("{path}.http.http2KeepAlive"),
            http2_keep_alive.is_some(),
            "use connectionPool.tcp.tcpKeepalive",
        );
    }
}

fn client_tls(tls: &ClientTls, path: &str, findings: &mut Findings) {
    let ClientTls {
        mode,
        client_certificate: _,
        private_key: _,
        ca_certificates: _,
        credential_name: _,
        subject_alt_names: _,
        sni: _,
        insecure_skip_verify: _,
        ca_crl: _,
    } = tls;
    if let Some(mode) = mode.filter(|mode| *mode != ClientTlsMode::Disable) {
        findings.insecure(
            format!("{path}.mode"),
            &format!("TLS towards endpoints (mode {}) is not spoken yet", mode.as_str()),
            "endpoints are spoken to in plaintext",
        );
    }
}
