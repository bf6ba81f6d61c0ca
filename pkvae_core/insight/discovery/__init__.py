"""Which covariates matter: what levels alone say of each patient, regressed on what is known of the patient; `covariates` holds the verb."""
