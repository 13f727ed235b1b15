"""What a cascade did, in the words of a report and of a methods section."""

from typing import Any

from app.study.rounding import per_cent


def outcome(facts: dict[str, Any]) -> str:
    """Return what the cascade did, or why there was none, and what its audit found."""
    if facts["stage"] == "declined":
        return f"No cascade: every tweet was classified in full. {facts['why']}"
    if facts["stage"] != "done":
        return (
            "The cascade goes on where it was when the classification is started again with the same choices."
        )
    terms, audit = facts["terms"], facts["audit"]
    return (
        f"A light model settled {_of(facts['settled'], facts['selected'])} tweets as unrelated. With "
        f"{per_cent(terms['confidence'], 0)} confidence, at most {per_cent(terms['bound'], 2)} of the tweets that the "
        "model would call related are lost by that, over all languages together: it was tested on "
        f"{facts['calibrated']:,} tweets drawn at random, of which {facts['calibrated_related']:,} were related and "
        f"{facts['ahead']:,} of these would have been settled. {_audit(audit)}"
    )


def languages(facts: dict[str, Any]) -> str:
    """Return in sentences for which languages the bound holds by itself, and which were not cascaded."""
    column = facts.get("language_column")
    if column == "":
        return "The file has no column of languages that an import would find: all its tweets were pooled."
    known = facts["languages"]
    alone = [_name(code) for code, of in known.items() if of.get("holds")]
    pooled = [_name(code) for code, of in known.items() if of.get("cascaded") and not of.get("holds")]
    never = [_name(code) for code, of in known.items() if not of.get("cascaded")]
    parts = [f"Languages are those of the column “{column}”."] if column else []
    if alone:
        parts.append(f"The bound holds in each of these languages alone, too: {', '.join(alone)}.")
    if pooled:
        parts.append(
            "Pooled with the others, because too few related tweets were drawn to say it of them alone: "
            f"{', '.join(pooled)}."
        )
    if never:
        parts.append(f"Classified in full, because too few tweets were drawn: {', '.join(never)}.")
    return " ".join(parts)


def methods(facts: dict[str, Any], model: str) -> str:
    """Return the sentences for a methods section; the cascade has ended with tweets settled."""
    terms, audit = facts["terms"], facts["audit"]
    labels = f" and on {facts['labels']:,} labelled tweets" if facts["labels"] else ""
    return (
        f"Of {facts['selected']:,} tweets, {facts['settled']:,} ({per_cent(facts['settled'] / facts['selected'])}) "
        "were classified as unrelated by a light model (logistic regression on hashed character 3- to 5-grams) and "
        f"all others by {model}. The light model was trained on what {model} said of {facts['learn']:,} tweets drawn "
        f"at random{labels}. Its threshold was calibrated on {facts['calibrated']:,} further tweets drawn at random, "
        f"{facts['calibrated_related']:,} of which {model} called related, by Learn then Test "
        "(Angelopoulos et al. 2021, arXiv:2110.01052) with exact p-values for a finite population: with "
        f"{per_cent(terms['confidence'], 0)} confidence at most {per_cent(terms['bound'], 2)} of the tweets that "
        f"{model} would have called related were settled as unrelated. {_audit(audit)} (Seed {facts['seed']}.)"
    )


def _audit(audit: dict[str, Any]) -> str:
    if not audit["tweets"]:
        return "No settled tweet was audited."
    low, high = audit["interval"]
    lost_low, lost_high = audit["lost_interval"]
    return (
        f"Of {audit['tweets']:,} tweets drawn at random from those to be settled, the model called "
        f"{audit['related']:,} related ({per_cent(audit['related'] / audit['tweets'], 2)}, exact 95 % interval "
        f"{per_cent(low, 2)} to {per_cent(high, 2)}); by this audit alone, {per_cent(audit['lost_share'], 2)} of all "
        f"related tweets are lost (95 % interval {per_cent(lost_low, 2)} to {per_cent(lost_high, 2)})."
    )


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({per_cent(part / whole)})"


def _name(code: str) -> str:
    return code or "no language"
