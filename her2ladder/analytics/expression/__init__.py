"""What do in-situ sections say of the groups: who is there, which genes differ, which pathways and contacts; the patient is the unit."""
