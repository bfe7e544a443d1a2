"""Days that are not like others: holidays, earnings, hours that end early."""
