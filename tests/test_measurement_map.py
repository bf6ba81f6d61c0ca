"""Does `benchmark --of map` measure what it says, and print all of it?"""

from pkvae_core.commands.measurements import latent_map


def test_the_map_is_measured_for_every_drug_asked(monkeypatch):
    monkeypatch.setattr(latent_map, "PATIENTS", 200)
    monkeypatch.setattr(latent_map, "ROUNDS", 2)
    monkeypatch.setattr(latent_map, "available_drugs", lambda: ["vancomycin"])
    said: list[str] = []
    found = latent_map.measure(0, said.append)
    row = found["drugs"]["vancomycin"]
    assert said == ["vancomycin: drawing 200 virtual patients"]
    assert 0 < row["map_ms"]["median"] <= row["map_ms"]["slowest"] and row["walk_ms"]["median"] > 0
    assert row["frames"] >= 5 * 41
    assert "| vancomycin |" in latent_map.markdown(found) and "5 of 5" in latent_map.markdown(found)
