"""How good is a model on virtual patients that training never saw, beside everybody else who might answer, and does it know when to be silent?"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages import chart, theme
from pkvae_core.checks.contenders import measured
from pkvae_core.checks.goals import goal_of
from pkvae_core.checks.scoreboard import (
    EXPOSURES,
    HeldOut,
    Row,
    coverage_ends,
    engine_rows,
    falling_sentence,
    main_metric,
    model_rows,
    search_sentence,
    stratum_rows,
)
from pkvae_core.drugs.card import DrugCard
from pkvae_core.plots import models as plots


def show_held_out(card: DrugCard, held_out: HeldOut) -> None:
    """The benchmark as it was recorded: two charts of the model, then everybody side by side, also where it loses."""
    st.header("How good it is", anchor=False)
    cells = held_out.get("cells")
    if not cells:
        st.info(f"Not measured yet. `python -m pkvae_core benchmark {card.drug} --record` measures it on fresh virtual patients.", icon=":material/info:")
        return
    aim = goal_of(card)
    left, right = st.columns(2)
    with left:
        whom = f"with its 95 % interval over {cells[0]['coverage_patients']:,} patients"
        st.caption(f"How often the 90 % interval holds the truth, {whom}; shaded: the goal, {aim.coverage_words}")
        alt = "Coverage of the 90 % intervals by number of levels; the numbers stand in the table."
        chart(plots.coverage_figure(theme(), cells, coverage_ends(held_out), aim), key="coverage", alt=alt)
    with right:
        st.caption(f"Error over that of the exact posterior; shaded: the goal, at most {aim.ratio:.2f}")
        chart(plots.ratio_figure(theme(), cells, aim), key="ratio", alt="Ratio of errors by number of levels; the numbers stand in the table.")
    show_scoreboard(card, held_out)
    for sentence in (falling_sentence(held_out), search_sentence(held_out)):
        if sentence:
            st.markdown(sentence)
    _show_tables(card, held_out)
    st.markdown(
        f":small[Coverage of the VAE on {cells[0]['coverage_patients']:,} patients a number of levels; exact posteriors that were not reliable: "
        f"{sum(c['unreliable_references'] for c in cells)}, counted in. Drawn with seed {held_out['seed']}, which training never uses. Drawn anew by] "
        f"`python -m pkvae_core benchmark {card.drug} --seed N`"
    )


def show_scoreboard(card: DrugCard, held_out: HeldOut) -> None:
    """One row for each engine at one number of levels, on the exposure of the card's target."""
    levels = [str(cell["levels"]) for cell in held_out["cells"]]
    usual = "2" if "2" in levels else levels[-1]
    chosen = st.segmented_control("Levels known", levels, default=usual, required=True, key=f"scoreboard_{card.drug}", persist_state="session")
    rows = [row for row in engine_rows(held_out, [main_metric(card)]) if row["Levels"] == chosen]
    empty = {name for name in rows[0] if not any(row[name] for row in rows)}  # chances in target, where the card has no target
    shown = [{name: value for name, value in row.items() if name not in empty | {"Levels", "Exposure", "Rungs"}} for row in rows]
    st.dataframe(pd.DataFrame(shown), hide_index=True, height="content")
    right = "The right model knows which paper a patient comes from, which nobody does in practice. " if len(card.published_models) > 1 else ""
    wrong = f" Wrong model: {held_out['opponent']}." if held_out.get("opponent") else ""
    st.caption(
        f"Measured on the {EXPOSURES[main_metric(card)]} of {held_out['cells'][0]['patients']:,} virtual patients; coverage of the VAE on "
        f"{held_out['cells'][0]['coverage_patients']:,}.{wrong} "
        f"{right}Where another row is better than the VAE's, the VAE loses."
    )


def scoreboard_csv(card: DrugCard, held_out: HeldOut) -> bytes:
    """Every engine, exposure and number of levels, as a file."""
    return pd.DataFrame(engine_rows(held_out, measured(card))).to_csv(index=False).encode()


def _show_tables(card: DrugCard, held_out: HeldOut) -> None:
    """What the short table leaves out, closed until it is asked for."""
    more: dict[str, Sequence[Row]] = {
        "Every engine, exposure and number of levels": engine_rows(held_out, measured(card)),
        "By the model that made the patients": model_rows(held_out, main_metric(card)),
        "Coverage in each group of patients": stratum_rows(held_out),
    }
    for title, rows in more.items():
        if rows:
            with st.expander(title, icon=":material/table:"):
                st.dataframe(pd.DataFrame(rows), hide_index=True, height="content")


def show_strangers(drug: str, found: HeldOut | None) -> None:
    """How often the model is silent: about its own patients, where it should speak, and about strangers, where it should not."""
    st.header("Does it know when to be silent?", anchor=False)
    if not found:
        st.info(f"Not measured yet. `python -m pkvae_core strangers {drug}` measures it on virtual patients.", icon=":material/info:")
        return
    st.write(found["sentence"])
    rows = {(r["kind"], r["levels"]): f"{100 * r['noticed']:.1f} % of {r['patients']:,}" for r in found["rates"]}
    levels = sorted({level for _, level in rows})
    shown = {kind: [rows.get((kind, n), "") for n in levels] for kind in dict.fromkeys(kind for kind, _ in rows)}
    st.table(pd.DataFrame.from_dict(shown, orient="index", columns=[f"{n} level{'s' if n > 1 else ''}" for n in levels]).rename_axis("Sent away"))
    st.markdown(f":small[The first two rows are its own patients. Drawn with seed {found['seed']}; anew by] `python -m pkvae_core strangers {drug} --seed N`")
