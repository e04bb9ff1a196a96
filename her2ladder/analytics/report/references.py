"""The literature that a methods section cites: what a test's name stands for, and how software is cited."""

from __future__ import annotations

from collections.abc import Iterable

CITED: tuple[tuple[str, str], ...] = (
    ("DeLong", "DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845."),
    ("Wilson", "Wilson EB. J Am Stat Assoc 1927;22:209-212."),
    ("Newcombe", "Newcombe RG. Interval estimation for the difference between independent proportions. Stat Med 1998;17:873-890."),
    ("Youden", "Youden WJ. Index for rating diagnostic tests. Cancer 1950;3:32-35."),
    ("Cohen's kappa", "Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327."),
    ("Brier", "Brier GW. Mon Weather Rev 1950;78:1-3."),
    ("net benefit", "Vickers AJ, Elkin EB. Decision curve analysis. Med Decis Making 2006;26:565-574."),
    ("Cox (Efron)", "Cox DR. J R Stat Soc B 1972;34:187-220; Efron B. J Am Stat Assoc 1977;72:557-565."),
    ("Cox, Firth", "Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression. Biometrics 2001;57:114-119."),
    ("Firth", "Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38."),
    ("logistic regression, Firth", "Heinze G, Schemper M. A solution to the problem of separation in logistic regression. Stat Med 2002;21:2409-2419."),
    ("reverse Kaplan-Meier", "Schemper M, Smith TL. A note on quantifying follow-up in studies of failure time. Control Clin Trials 1996;17:343-346."),
    ("Kaplan-Meier", "Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481."),
    ("proportional hazards", "Grambsch PM, Therneau TM. Biometrika 1994;81:515-526."),
    ("Harrell", "Harrell FE, et al. Evaluating the yield of medical tests. JAMA 1982;247:2543-2546."),
    ("Benjamini-Hochberg", "Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300."),
    ("rank-sum", "Wilcoxon F. Individual comparisons by ranking methods. Biometrics Bull 1945;1:80-83."),
    ("Kruskal-Wallis", "Kruskal WH, Wallis WA. J Am Stat Assoc 1952;47:583-621."),
    ("type 7", "Hyndman RJ, Fan Y. Sample quantiles in statistical packages. Am Stat 1996;50:361-365."),
    ("SHAP", "Lundberg SM, Lee SI. A unified approach to interpreting model predictions. Adv Neural Inf Process Syst 2017;30."),
    ("sc-MTOP", "Zhao S, et al. Single-cell morphological and topological atlas reveals the ecosystem diversity of human breast cancer. Nat Commun 2023;14:6796."),
    ("lifelines", "Davidson-Pilon C. lifelines: survival analysis in Python. J Open Source Softw 2019;4:1317."),
    ("scikit-learn", "Pedregosa F, et al. Scikit-learn: machine learning in Python. J Mach Learn Res 2011;12:2825-2830."),
)  # fmt: skip


def cited_in(texts: Iterable[str]) -> list[str]:
    """Return the references whose word stands in the texts, each once, in the order of the list."""
    whole = "\n".join(texts)
    return [reference for word, reference in CITED if word in whole]
