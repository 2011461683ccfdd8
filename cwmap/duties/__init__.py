"""Who answers for what (责任): the register, what it lacks, the boards that are posted."""
