"""The cloud side: one CDK app whose single template is deployed by plain CloudFormation, to AWS and to the local cloud."""
