"""Tables of the server: latency under load and under attack."""

from docs.generate.numbers.tables import load_result, markdown_table, register


@register
def serving_load() -> str:
    """Latency of the server under load."""
    found = load_result("serving")
    rows = [
        [label, str(load["requests"]), f"{load['per_second']:.1f}"]
        + [f"{load[key] / 1000:.2f}" for key in ("median_ms", "p95_ms", "max_ms")]
        + [str(sum(load["errors"].values()))]
        for label, load in (("1 client", found["one_client"]), (f"{found['clients']} clients", found["all_clients"]))
    ]
    header = ["load", "requests", "requests/s", "median s", "95th percentile s", "largest s", "errors"]
    return markdown_table(header, rows)


@register
def serving_attacks() -> str:
    """Latency of honest requests while others attack the server."""
    found = load_result("attacks")
    names = {
        "nested": "deeply nested formulas",
        "slow": "slow formulas",
        "idle": "idle connections",
        "jpeg": "large JPEG images",
    }
    rows = [
        [label, f"{found[key]['predict_ratio']:.2f}", f"{found[key]['render_ratio']:.2f}"]
        for key, label in names.items()
        if key in found
    ]
    return markdown_table(["attack", "predict: latency, times without attack", "render"], rows)
