"""What do age, sex, size and creatinine say about kidneys and body composition? Every formula with its source.

All formulas are plain arithmetic: they take numbers, NumPy arrays or tensors alike. `is_male` is 1 or 0 (or a bool).
"""

from dataclasses import dataclass
from typing import Any

# A float, a NumPy array or a tensor; the result is of the same kind.
Value = Any

CREATININE_UMOL_PER_L_PER_MG_PER_DL = 88.4
OBESE_FROM_BMI = 30.0
SMALLEST_DEVINE_HEIGHT_CM = 152.4


def body_mass_index(weight_kg: Value, height_cm: Value) -> Value:
    """Body mass index in kg/m2: weight / height^2 (Quetelet)."""
    return weight_kg / (height_cm / 100) ** 2


def ideal_weight(height_cm: Value, is_male: Value) -> Value:
    """Ideal body weight in kg: 50 (men) or 45.5 (women) + 2.3 per inch above 5 feet (Devine, Drug Intell Clin Pharm 1974;8:650). For adults."""
    return 45.5 + 4.5 * is_male + 2.3 * (height_cm / 2.54 - 60)


def adjusted_weight(weight_kg: Value, height_cm: Value, is_male: Value) -> Value:
    """Adjusted body weight in kg: ideal + 0.4 (actual - ideal) (factor 0.4: Winter et al., Pharmacotherapy 2012;32:604)."""
    ideal = ideal_weight(height_cm, is_male)
    return ideal + 0.4 * (weight_kg - ideal)


def renal_weight(weight_kg: Value, height_cm: Value, is_male: Value) -> Value:
    """The weight in kg that we put into Cockcroft-Gault: actual below a body mass index of 30 (so also below the ideal weight), adjusted from there on."""
    is_obese = (body_mass_index(weight_kg, height_cm) >= OBESE_FROM_BMI) * 1.0
    return weight_kg + is_obese * (adjusted_weight(weight_kg, height_cm, is_male) - weight_kg)


def fat_free_mass(weight_kg: Value, height_cm: Value, is_male: Value) -> Value:
    """Fat-free mass in kg: 9270 W / (6680 + 216 BMI) for men, 9270 W / (8780 + 244 BMI) for women (Janmahasatian et al., Clin Pharmacokinet 2005;44:1051)."""
    return 9270 * weight_kg / (8780 - 2100 * is_male + (244 - 28 * is_male) * body_mass_index(weight_kg, height_cm))


def body_surface_mosteller(weight_kg: Value, height_cm: Value) -> Value:
    """Body surface area in m2: sqrt(W H / 3600) (Mosteller, N Engl J Med 1987;317:1098)."""
    return (weight_kg * height_cm / 3600) ** 0.5


def body_surface_dubois(weight_kg: Value, height_cm: Value) -> Value:
    """Body surface area in m2: 0.007184 W^0.425 H^0.725 (DuBois & DuBois, Arch Intern Med 1916;17:863)."""
    return 0.007184 * weight_kg**0.425 * height_cm**0.725


def cockcroft_gault(age_years: Value, weight_kg: Value, creatinine_mg_per_dL: Value, is_male: Value) -> Value:
    """Creatinine clearance in mL/min: (140 - age) W / (72 SCr), times 0.85 for women (Cockcroft & Gault, Nephron 1976;16:31)."""
    return (140 - age_years) * weight_kg / (72 * creatinine_mg_per_dL) * (0.85 + 0.15 * is_male)


def ckd_epi_2021(age_years: Value, creatinine_mg_per_dL: Value, is_male: Value) -> Value:
    """eGFR in mL/min/1.73 m2 of an adult, without race (Inker et al., N Engl J Med 2021;385:1737).

    142 min(SCr/k, 1)^a max(SCr/k, 1)^-1.2 0.9938^age, times 1.012 for women; k 0.9 (men) or 0.7, a -0.302 (men) or -0.241.
    """
    ratio = creatinine_mg_per_dL / (0.7 + 0.2 * is_male)
    below, above = (ratio + 1 - abs(ratio - 1)) / 2, (ratio + 1 + abs(ratio - 1)) / 2  # min and max with 1, for every kind of number
    return 142 * below ** (-0.241 - 0.061 * is_male) * above**-1.2 * 0.9938**age_years * (1.012 - 0.012 * is_male)


def bedside_schwartz(height_cm: Value, creatinine_mg_per_dL: Value) -> Value:
    """eGFR in mL/min/1.73 m2 of a child of 1 to 18 years: 0.413 height / SCr (Schwartz et al., J Am Soc Nephrol 2009;20:629)."""
    return 0.413 * height_cm / creatinine_mg_per_dL


@dataclass(frozen=True)
class CreatinineClearance:
    """Cockcroft-Gault's answer, and the weight that went into it, in numbers and in words."""

    value_mL_per_min: float
    weight_kg: float
    weight_used: str

    def __str__(self) -> str:
        return f"CrCl {self.value_mL_per_min:.0f} mL/min (Cockcroft-Gault, {self.weight_used}: {self.weight_kg:.0f} kg)"


def creatinine_clearance(
    age_years: float, weight_kg: float, creatinine_mg_per_dL: float, is_male: bool | float, height_cm: float | None = None
) -> CreatinineClearance:
    """Creatinine clearance of one patient by Cockcroft-Gault with our rule for the weight, saying which weight that was."""
    weight = weight_kg if height_cm is None else renal_weight(weight_kg, height_cm, is_male)
    if height_cm is None:
        words = "actual weight, as the height is not known"
    elif body_mass_index(weight_kg, height_cm) < OBESE_FROM_BMI:
        words = "actual weight"
    else:
        words = "adjusted weight" + (", extrapolated below 152 cm" if height_cm < SMALLEST_DEVINE_HEIGHT_CM else "")
    return CreatinineClearance(cockcroft_gault(age_years, weight, creatinine_mg_per_dL, is_male), weight, words)
