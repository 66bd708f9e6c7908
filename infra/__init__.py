"""The cloud side: one CDK app, whose single template plain CloudFormation deploys to AWS and to the local cloud."""
