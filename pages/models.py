"""Models: what does each drug's model know, from whom, how good is it, and where does it end?"""

import json

import pandas as pd
import streamlit as st

from pages import chart, drug_label, is_own, literal, model, models, open_case, open_page, shipped_models, sign, theme
from pages.models_parts.held_out import show_held_out, show_strangers
from pages.models_parts.own import show_own
from pages.models_parts.train import show_training as show_cohort_training
from pkvae_core.drugs.card import CARDS, DrugCard, Product, Source, TargetSpec, available_drugs, load_card
from pkvae_core.drugs.published import MODELS
from pkvae_core.plots import models as plots
from pkvae_core.records.units import concentration_factor
from pkvae_core.report.words import unit_words
from pkvae_core.vae.checkpoint import training_curve
from pkvae_core.wording import amount_words, duration_words, intervals_words, plain, rounded

VIEWS = ["What each model knows", "Train on your cohort"]


def choose_drug() -> str:
    case, names = open_case(), {drug: literal(drug_label(drug)) for drug in models()}
    first = case.drug if case else next(iter(names))
    return st.segmented_control("Drug", list(names), default=first, required=True, format_func=names.__getitem__, key="models_drug", persist_state="session")


def cited(card: DrugCard, sources: tuple[Source, ...], *, unverified: bool = False) -> str:
    """Numbers of the sources in the list of references, each a link where there is one."""
    numbers = [f"[{n}]({link})" if (link := address(s)) else str(n) for n, s in enumerate(card.sources.values(), 1) if s in sources]
    return f":small[Sources: {', '.join(numbers)}]" if numbers else ":small[No source found; not verified.]" if unverified else ""


def address(source: Source) -> str:
    return f"https://doi.org/{source.doi}" if source.doi else source.url


def introduce(card: DrugCard, provenance: dict) -> None:
    """Name, version, and what the model was made from."""
    papers = ", ".join(MODELS[m.name].citation.split(",")[0].split(" ")[0] + f" {m.name[-4:]}" for m in card.published_models)
    origin = "a model that we made up" if card.synthetic else papers
    training = provenance["training"]
    with st.container(border=True):
        st.header(card.name, anchor=False)
        with st.container(horizontal=True, gap="small"):
            st.badge(f"Model {provenance['version']}", color="blue", icon=":material/deployed_code:")
            st.badge(f"Card {card.version}", color="gray")
            st.badge(f"Trained on {provenance['trained']}", color="gray")
            if not card.gives_dose:
                st.badge("Gives no dose", color="orange", icon=":material/warning:")
            if card.synthetic:
                st.badge("Synthetic: no real drug", color="orange", icon=":material/warning:")
        st.write(f"Learned from {training['virtual_patients']:,} virtual patients drawn from {origin}. Made again by `{provenance['command']}`.")
        if resumed := training.get("resumed"):
            st.caption(f"Trained in two parts: {resumed}.")
        if cells := provenance["held_out"].get("cells"):
            key_figures(cells, card)


def key_figures(cells: list[dict], card: DrugCard) -> None:
    """Four numbers for a patient with the usual two levels."""
    cell = next((c for c in cells if c["levels"] == 2), cells[-1])
    exposure = f"weighted {card.main_metric}"
    exposure = exposure if exposure in cell["coverage"] else "weighted auc24"
    ratio, low, high = cell["ratio"][exposure]
    shown = {
        "90 % intervals that hold the truth": (f"{100 * cell['coverage'][exposure]:.1f} %", f"{cell['coverage_patients']:,} unseen patients"),
        "Error over the best possible": (f"{ratio:.3f} ×", f"95 %: {low:.3f}–{high:.3f}"),
        "Effective draws": (f"{100 * cell['effective_share'][0]:.0f} %", f"5th percentile: {100 * cell['effective_share'][1]:.0f} %"),
        "Time for one patient": (f"{cell['milliseconds'][0]:.0f} ms", f"in a batch: {cell['milliseconds'][1]:.1f} ms"),
    }
    for column, (label, (value, beside)) in zip(st.columns(4), shown.items(), strict=True):
        column.metric(label, value, beside, delta_color="off", delta_arrow="off")
    where = f"{plots.EXPOSURES[exposure.split()[1]]} with {cell['levels']} levels."
    st.caption(f"{where} Best possible: the exact posterior of the same {'model' if card.synthetic else 'published models'} on the same patients.")


def show_training(drug: str) -> None:
    """How the parts of the ELBO went while the model was trained."""
    st.header("How it was trained", anchor=False)
    st.caption(
        "Parts of the negative ELBO on fresh virtual patients: what the decoder misses of the whole curve, and what the curve tells beyond what is believed."
    )
    chart(plots.training_figure(theme(), training_curve(CARDS / drug)), key="training", alt="Parts of the negative ELBO over the steps of training.")


def show_limits(card: DrugCard) -> None:
    st.header("Where it ends", anchor=False)
    for limit in card.limits:
        st.markdown(f":orange[:material/do_not_disturb_on:] {limit.text} {cited(card, limit.source, unverified=limit.unverified)}")


def show_covariates(card: DrugCard) -> None:
    st.header("What it asks of a patient", anchor=False)
    policy = {"marginalise": "averaged over", "required": "required"}
    rows = [(f"{c.label} ({c.unit})", f"{plain(c.soft_low)}–{plain(c.soft_high)}", policy[c.when_missing]) for c in card.covariates]
    st.table(pd.DataFrame(rows, columns=["Covariate", "Range it knows", "When unknown"]).set_index("Covariate"))


def bound(value: float | None, factor: float) -> str:
    return "–" if value is None else rounded(value * factor)


def show_target(card: DrugCard, target: TargetSpec) -> None:
    """The five numbers of one target, what counts as meeting it, and who says so; concentrations in the drug's usual unit."""
    factor, unit = 1.0, target.unit
    if unit == "mg/L":
        factor, unit = 1 / concentration_factor(card.concentration_unit, card.molar_mass_g_per_mol), unit_words(card.concentration_unit)
    with st.container(border=True):
        st.markdown(f"**{target.label}** ({unit})" + (" :blue-badge[default]" if target.is_default else ""))
        numbers = {
            "Too little below": target.inefficacy_alarm,
            "Low": target.low,
            "Best": target.best,
            "High": target.high,
            "Toxic above": target.toxicity_alarm,
        }
        st.table(pd.DataFrame({name: [bound(value, factor)] for name, value in numbers.items()}), hide_index=True)
        least = f"{100 * target.least_probability:.0f} %"
        times = "once" if target.toxicity_weight == 1 else f"{plain(target.toxicity_weight)} times"
        needed = f"Met when at least {least} of the outcomes lie inside. A chance of toxicity counts {times} against it."
        st.markdown(f"{needed} {target.note}")
        st.markdown(cited(card, target.source, unverified=target.unverified))


def show_targets(card: DrugCard) -> None:
    """Every target of the card, side by side; otherwise why there is none."""
    st.header("Targets", anchor=False)
    if not card.targets:
        st.info(card.why_no_dose, icon=":material/do_not_disturb_on:")
    for column, target in zip(st.columns(max(1, len(card.targets))), card.targets, strict=False):
        with column:
            show_target(card, target)


def show_products(card: DrugCard) -> None:
    """What may be given, and how much of it at most."""
    st.header("What may be given" if card.gives_dose else "What virtual patients are given", anchor=False)
    for product in card.products:
        show_product(card, product)
    per_kg = f" ({plain(card.max_daily_mg_per_kg)} mg/kg)" if card.max_daily_mg_per_kg else ""
    rarely = " on average" if card.max_single_mg > card.max_daily_mg else ""  # a large dose that is given every few weeks
    most = f"{amount_words(card.max_single_mg)} at once and {amount_words(card.max_daily_mg)}{per_kg} a day{rarely}"
    st.markdown(f"At most {most}, counted as active substance.")
    st.markdown(cited(card, card.max_source))


def show_product(card: DrugCard, product: Product) -> None:
    """What may be given of one product."""
    ranges = "; ".join(f"{amount_words(r.low_mg)} to {amount_words(r.high_mg)} in steps of {amount_words(r.step_mg)}" for r in product.amounts)
    infusions = [duration_words(h) for h in product.infusions_h if h]
    parts = [ranges, intervals_words(product.intervals_h)]
    parts += ["over " + ", ".join(infusions)] if infusions else []
    parts += [f"at most {plain(product.max_rate_mg_per_h)} mg/h"] if product.max_rate_mg_per_h else []
    parts += [f"{plain(product.salt_factor)} mg active per mg labelled"] if product.salt_factor != 1 else []
    st.markdown(f"**{product.label}**: {', '.join(parts)}. {product.note}")
    st.markdown(cited(card, product.source, unverified=product.unverified))


def show_published(card: DrugCard) -> None:
    """The papers that the virtual patients come from; a made-up drug has none, and says so."""
    total = sum(m.weight for m in card.published_models)
    for part in card.published_models:
        paper = MODELS[part.name]
        link = f" [{paper.doi}](https://doi.org/{paper.doi})" if paper.doi else ""
        studied = "" if card.synthetic else f" Studied: {paper.population}."
        share = f"{100 * part.weight / total:.0f} % of the virtual patients"
        error = " + ".join(
            w for w in (f"{100 * paper.error.proportional:.3g} %", f"{paper.error.additive_mg_per_L:g} mg/L" if paper.error.additive_mg_per_L else "") if w
        )
        st.markdown(f"**{paper.citation}.**{link}  \n{share}.{studied} Residual error: {error}. {' '.join(paper.assumptions)}")
        st.caption(f"{'Written in' if card.synthetic else 'Read in'}: {paper.reading}")


def show_references(card: DrugCard) -> None:
    """The numbered list that every part of the page cites."""
    lines = []
    for number, source in enumerate(card.sources.values(), 1):
        link = f" [{source.doi or 'link'}]({address(source)})" if address(source) else ""
        lines.append(f"{number}. {source.citation}.{link}" + (f" Read in: {source.read}." if source.read else ""))
    st.markdown("\n".join(lines))


def show_files(drug: str, provenance: dict, card: DrugCard) -> None:
    """Where the model comes from, in full, and the files themselves."""
    st.header("Provenance and files", anchor=False)
    rows = [(r.version, r.date, r.author, r.reason) for r in card.revisions]
    st.table(pd.DataFrame(rows, columns=["Card version", "Date", "Author", "Reason"]).set_index("Card version"))
    with st.container(horizontal=True):
        for name, label, kind in (
            ("card.toml", "Card", "application/toml"),
            ("model.json", "Provenance", "application/json"),
            ("model.safetensors", "Weights", None),
            ("training.csv", "Training", "text/csv"),
        ):
            content = (CARDS / drug / name).read_bytes() if name != "model.json" else json.dumps(provenance, indent=1).encode()
            st.download_button(f"{label} ({name})", content, f"{drug}-{name}", kind, icon=":material/download:", on_click="ignore", key=f"file-{name}")
    with st.expander("Provenance as stored (JSON)", icon=":material/data_object:"):
        st.json(provenance, expanded=1)


def show_shipped(drug: str) -> None:
    """One shipped model: how good it is, where it ends, what it rests on."""
    for untrained in set(available_drugs()) - set(shipped_models()):
        st.info(f"{load_card(untrained).name} has a card but no model yet: `python -m pkvae_core train {untrained}`.", icon=":material/info:")
    card, provenance = model(drug).card, model(drug).provenance
    introduce(card, provenance)
    with st.container(border=True):
        show_held_out(card, provenance["held_out"])
    left, right = st.columns([60, 40])
    with left.container(border=True, height="stretch"):
        show_limits(card)
        show_covariates(card)
    with right.container(border=True, height="stretch"):
        show_strangers(drug, provenance["held_out"].get("strangers"))
    show_targets(card)
    left, right = st.columns([60, 40])
    with left.container(border=True, height="stretch"):
        st.header("The made-up model behind it" if card.synthetic else "Published models behind it", anchor=False)
        show_published(card)
    with right.container(border=True, height="stretch"):
        show_products(card)
    left, right = st.columns([60, 40])
    with left.container(border=True, height="stretch"):
        st.header("References", anchor=False)
        show_references(card)
    with right.container(border=True, height="stretch"):
        show_files(drug, provenance, card)
        show_training(drug)


def page() -> None:
    """No st.stop: after it Streamlit keeps the widgets of the last run, and a file that was put away would come back."""
    st.title("Models", anchor=False)
    view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key="models_view", label_visibility="collapsed", persist_state="session")
    if view == VIEWS[1]:
        show_cohort_training()
        return
    drug = choose_drug()
    sign(model(drug).version)
    if is_own(drug):
        show_own(drug)
    else:
        show_shipped(drug)


open_page()
page()
