"""Which operations the tests called, and how each call ended: what proves that no implemented operation goes untried."""

from collections import defaultdict

# (service, operation) -> the outcomes seen: "ok", or an error code.
outcomes: dict[tuple[str, str], set[str]] = defaultdict(set)


def record_calls(session) -> None:
    """Every client made by `session` writes its calls down."""
    session.events.register("after-call", _remember)


def _remember(model, parsed, **_) -> None:
    code = parsed.get("Error", {}).get("Code", "ok")
    outcomes[model.service_model.service_name, model.name].add(code)
